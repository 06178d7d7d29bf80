// SPDX-License-Identifier: MIT
//
// The panel with all about one command: its attempts, where and when they ran, the ends of their logs.
"use strict";

const detail = {at: -1, opener: null};

function attemptsOf(attempt) {
    return attempts.filter((other) => other.step === attempt.step && other.number === attempt.number);
}

function excerptOf(attempt, stream, word) {
    const log = excerpt(attempt, stream);
    if (!log)
        return "";
    const caption = log.parentElement.querySelector("figcaption");
    return make("figure", null, make("figcaption", null, caption ? caption.textContent : word),
        make("pre", {tabindex: "0", "data-log": `${attempt.at}-${stream}`}, log.textContent));
}

function fact(name, ...value) {
    return [make("dt", null, name), make("dd", null, ...value)];
}

const TESTS_SHOWN = 200;

function testRow(test) {
    const where = test.file ? ` ${test.file}${test.line ? `:${test.line}` : ""}` : "";
    return make("li", null, badge(test), " ", make("span", {class: "name"}, test.name),
        test.classname ? make("small", null, ` ${test.classname}`) : "", where ? make("code", null, where) : "",
        test.us ? make("small", null, ` ${time(test.us)}`) : "",
        test.message ? make("span", {class: "why"}, ` ${firstLine(test.message, 300)}`) : "");
}

// What failed comes first.
function testsPart(attempt) {
    const all = testsOf(attempt).slice().sort((a, b) => isBad(b) - isBad(a));
    if (!all.length)
        return "";
    const bad = all.filter(isBad).length;
    return make("details", {open: bad > 0 || all.length <= 20}, make("summary", null, `${count(all.length)} cases, ${count(bad)} failed`),
        make("ul", {class: "tests"}, ...all.slice(0, TESTS_SHOWN).map(testRow),
            all.length > TESTS_SHOWN ? make("li", null, `and ${count(all.length - TESTS_SHOWN)} more`) : ""));
}

function attemptPart(attempt, chosen) {
    const began = attempt.start >= 0;
    const files = links(attempt);
    return make("section", {class: "attempt", "aria-current": chosen ? "true" : null},
        make("h3", null, `Attempt ${attempt.attempt} `, badge(attempt), ...flags(attempt).flatMap((flag) => [" ", flag])),
        attempt.reason ? make("p", {class: "why"}, attempt.reason) : "",
        make("dl", null,
            ...fact("Where", place(attempt)),
            ...fact("Begun at", began ? time(attempt.start) : "never"),
            ...(began ? fact("Took", time(attempt.us)) : []),
            ...(files.length ? fact("Files", ...files.slice(1)) : [])),
        testsPart(attempt),
        excerptOf(attempt, "err", "Standard error"), excerptOf(attempt, "out", "Standard output"));
}

function showDetail(at, opener) {
    const attempt = attempts[at];
    const panel = byId("detail");
    const close = make("button", {type: "button", class: "close"}, "Close");
    const heading = make("h2", {id: "detail-name", tabindex: "-1"}, title(attempt));
    close.addEventListener("click", hideDetail);
    const all = attemptsOf(attempt).reverse();
    panel.replaceChildren(close, heading,
        attempt.name ? make("p", {class: "items"}, attempt.name) : "",
        ...all.map((one) => attemptPart(one, all.length > 1 && one.at === at)));
    panel.hidden = false;
    panel.scrollTop = 0;
    detail.at = at;
    detail.opener = opener || detail.opener;
    heading.focus({preventScroll: true});
    drawChart();
}

function hideDetail() {
    if (detail.at < 0)
        return;
    byId("detail").hidden = true;
    detail.at = -1;
    if (detail.opener && document.contains(detail.opener))
        detail.opener.focus({preventScroll: true});
    detail.opener = null;
    drawChart();
}
