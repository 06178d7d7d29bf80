/* SPDX-License-Identifier: MIT */
#include "strbuf.h"
#include "util.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void strbuf_room(struct strbuf *sb, size_t more)
{
    size_t wanted = sb->len + more + 1;
    if (wanted <= sb->alloc)
        return;
    size_t alloc = sb->alloc ? sb->alloc * 2 : 64;
    if (alloc < wanted)
        alloc = wanted;
    sb->buf = xrealloc(sb->buf, alloc);
    sb->alloc = alloc;
}

void strbuf_clear(struct strbuf *sb)
{
    strbuf_cut(sb, 0);
}

void strbuf_free(struct strbuf *sb)
{
    free(sb->buf);
    *sb = (struct strbuf)STRBUF_INIT;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t length)
{
    strbuf_room(sb, length);
    if (length)
        memcpy(sb->buf + sb->len, data, length);
    sb->len += length;
    sb->buf[sb->len] = '\0';
}

void strbuf_addstr(struct strbuf *sb, const char *text)
{
    strbuf_add(sb, text, strlen(text));
}

void strbuf_addch(struct strbuf *sb, char c)
{
    strbuf_add(sb, &c, 1);
}

void strbuf_vaddf(struct strbuf *sb, const char *format, va_list args)
{
    va_list copy;
    va_copy(copy, args);
    int n = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    if (n < 0)
        return;
    strbuf_room(sb, (size_t)n);
    vsnprintf(sb->buf + sb->len, (size_t)n + 1, format, args);
    sb->len += (size_t)n;
}

void strbuf_addf(struct strbuf *sb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vaddf(sb, format, args);
    va_end(args);
}

void strbuf_cut(struct strbuf *sb, size_t length)
{
    if (length >= sb->len)
        return;
    sb->len = length;
    sb->buf[length] = '\0';
}

const char *strbuf_text(const struct strbuf *sb)
{
    return sb->buf ? sb->buf : "";
}

char *strbuf_detach(struct strbuf *sb)
{
    char *text = sb->buf ? sb->buf : xstrdup("");
    *sb = (struct strbuf)STRBUF_INIT;
    return text;
}

void strv_take(struct strv *sv, char *text)
{
    ARRAY_GROW(sv->v, sv->n + 1, sv->alloc);
    sv->v[sv->n++] = text;
    sv->v[sv->n] = NULL;
}

void strv_push(struct strv *sv, const char *text)
{
    strv_take(sv, xstrdup(text));
}

void strv_pushn(struct strv *sv, const char *text, size_t length)
{
    strv_take(sv, xstrndup(text, length));
}

void strv_clear(struct strv *sv)
{
    for (size_t i = 0; i < sv->n; i++)
        free(sv->v[i]);
    sv->n = 0;
    if (sv->v)
        sv->v[0] = NULL;
}

void strv_free(struct strv *sv)
{
    strv_clear(sv);
    free(sv->v);
    *sv = (struct strv)STRV_INIT;
}

void strv_copy(struct strv *to, const struct strv *from)
{
    for (size_t i = 0; i < from->n; i++)
        strv_push(to, from->v[i]);
}

bool strv_same(const struct strv *a, const struct strv *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    }
    return a->n == b->n;
}

int strv_order(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void strv_sort(struct strv *sv)
{
    if (sv->n > 1)
        qsort(sv->v, sv->n, sizeof *sv->v, strv_order);
}

void strv_sort_once(struct strv *sv)
{
    size_t n = 0;
    strv_sort(sv);
    for (size_t i = 0; i < sv->n; i++) {
        if (n > 0 && strcmp(sv->v[n - 1], sv->v[i]) == 0)
            free(sv->v[i]);
        else
            sv->v[n++] = sv->v[i];
    }
    if (n < sv->n)
        sv->v[n] = NULL;
    sv->n = n;
}

bool strv_has(const struct strv *sv, const char *text)
{
    for (size_t i = 0; i < sv->n; i++) {
        if (strcmp(sv->v[i], text) == 0)
            return true;
    }
    return false;
}

void strv_split(struct strv *sv, const char *text)
{
    static const char white[] = " \t\r\n\v\f";
    for (text += strspn(text, white); *text; text += strspn(text, white)) {
        size_t n = strcspn(text, white);
        strv_pushn(sv, text, n);
        text += n;
    }
}

static size_t strv_env_find(const struct strv *sv, const char *name, size_t length)
{
    for (size_t i = 0; i < sv->n; i++) {
        if (strncmp(sv->v[i], name, length) == 0 && sv->v[i][length] == '=')
            return i;
    }
    return SIZE_MAX;
}

void strv_setenv(struct strv *sv, const char *assignment)
{
    size_t i = strv_env_find(sv, assignment, strcspn(assignment, "="));
    if (i == SIZE_MAX) {
        strv_push(sv, assignment);
        return;
    }
    free(sv->v[i]);
    sv->v[i] = xstrdup(assignment);
}

const char *strv_getenv(const struct strv *sv, const char *name)
{
    size_t length = strlen(name);
    size_t i = strv_env_find(sv, name, length);
    return i == SIZE_MAX ? NULL : sv->v[i] + length + 1;
}
