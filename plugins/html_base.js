// SPDX-License-Identifier: MIT
//
// The page works without this: verdict, failures and tables are there. The script adds the chart, filters, the
// list of all commands in pages, and the panel with all about one of them. The files html_*.js are one script, in the
// order of Makefile.am; each defines functions and a few tables, html_page.js begins.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

const OUTCOMES = ["running", "passed", "failed", "signaled", "timeout", "error", "cancelled", "skipped"];
const RUNNING = 0, PASSED = 1, FAILED = 2, ERROR = 5, CANCELLED = 6, SKIPPED = 7;
const FLAGS = ["flaky", "leaked", "unkillable", "truncated log", "allowed", "carried", "interrupted", "told apart"];
const FLAKY = 1, TOLD_APART = 128;
const FINAL = 1, OUT = 2, ERR = 4, EVIDENCE = 8, ARTIFACTS = 16, EXCERPT = 32, JUDGED = 64;

// The order of html_data.c. `name` and what follows may be absent.
const FIELDS = ["step", "number", "attempt", "worker", "host", "outcome", "flags", "bits", "start", "us", "out", "err",
    "name", "reason", "logOut", "logErr"];

const attempts = data.attempts.map((row, at) => {
    const attempt = {at};
    FIELDS.forEach((field, i) => { attempt[field] = i < row.length ? row[i] : ""; });
    attempt.run = data.steps[attempt.step].run;
    return attempt;
});
data.attempts = null;

// Cases of JUnit files, by the attempt that they belong to.
const TEST_FIELDS = ["at", "outcome", "us", "line", "name", "classname", "file", "message"];
const tests = new Map();
for (const row of data.tests) {
    const test = {};
    TEST_FIELDS.forEach((field, i) => { test[field] = i < row.length ? row[i] : ""; });
    if (!tests.has(test.at))
        tests.set(test.at, []);
    tests.get(test.at).push(test);
}
data.tests = null;

function testsOf(attempt) {
    return tests.get(attempt.at) || [];
}

function byId(id) {
    return document.getElementById(id);
}

// An element: attributes, then children, which are nodes or texts.
function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (value !== null && value !== undefined && value !== false)
            element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
}

// As out_time() of html_out.c.
function time(us) {
    const ms = Math.floor((us + 500) / 1000), s = Math.floor(ms / 1000);
    const two = (number) => String(number).padStart(2, "0");
    if (us < 9950)
        return `${Math.floor((us + 50) / 1000)}.${Math.floor((us + 50) / 100) % 10} ms`;
    if (ms < 1000)
        return `${ms} ms`;
    if (ms < 10000)
        return `${s}.${two(Math.floor(ms % 1000 / 10))} s`;
    if (s < 60)
        return `${s}.${Math.floor(ms % 1000 / 100)} s`;
    if (s < 3600)
        return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
    return `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} m`;
}

function size(bytes) {
    if (bytes < 1000)
        return `${bytes} B`;
    const [unit, word] = bytes < 1e6 ? [1e3, "kB"] : [1e6, "MB"];
    return `${(Math.floor(bytes * 10 / unit) / 10).toFixed(1)} ${word}`;
}

function count(number) {
    return number.toLocaleString("en");
}

function firstLine(text, most) {
    const line = text.split("\n", 1)[0];
    const cut = line.length > most ? line.slice(0, most) : line;
    return cut.length < text.length ? cut + " …" : cut;
}

// "unit 4", or "build" where a step has only one command.
function title(attempt) {
    const step = data.steps[attempt.step];
    const number = attempt.name || !step.one ? ` ${attempt.number}` : "";
    return (step.cleanup ? "cleanup " : "") + step.name + number;
}

function isBad(attempt) {
    return attempt.outcome >= FAILED && attempt.outcome <= ERROR;
}

function isRetried(attempt) {
    return !(attempt.bits & FINAL) && attempt.outcome !== RUNNING && !(attempt.flags & TOLD_APART);
}

function badge(attempt) {
    const outcome = OUTCOMES[attempt.outcome];
    return make("span", {class: `o ${outcome}`}, outcome);
}

function flags(attempt) {
    const names = FLAGS.filter((name, i) => attempt.flags & (1 << i));
    if (isRetried(attempt))
        names.push("tried again");
    return names.map((name) => make("span", {class: "flag"}, name));
}

function place(attempt) {
    const host = severalHosts ? `, ${data.hosts[attempt.host]}` : "", run = severalRuns ? `, run ${data.runs[attempt.run].id}` : "";
    return (attempt.worker ? `worker ${attempt.worker}${host}` : "nowhere") + run;
}

const severalHosts = data.hosts.filter(Boolean).length > 1, severalRuns = data.runs.length > 1;

// Where the runner puts them, or where the attempt says.
function fileOf(attempt, kind, end) {
    const number = attempt.attempt > 1 ? `${attempt.number}.${attempt.attempt}` : attempt.number;
    return `${data.runs[attempt.run].href}/${kind}/${data.steps[attempt.step].href}/${number}${end}`;
}

// [word, reference, bytes] of all its files.
function filesOf(attempt) {
    const files = [];
    if (attempt.bits & OUT && attempt.out)
        files.push(["output", attempt.logOut || fileOf(attempt, "logs", ".out"), attempt.out]);
    if (attempt.bits & ERR && attempt.err)
        files.push(["errors", attempt.logErr || fileOf(attempt, "logs", ".err"), attempt.err]);
    if (attempt.bits & EVIDENCE)
        files.push(["evidence", fileOf(attempt, "logs", ".evidence"), null]);
    if (attempt.bits & ARTIFACTS)
        files.push(["artifacts", fileOf(attempt, "artifacts", "/"), null]);
    return files;
}

function links(attempt) {
    return filesOf(attempt).flatMap(([word, href, bytes]) =>
        [" ", make("a", {href}, word), bytes === null ? "" : make("small", null, ` ${size(bytes)}`)]);
}

// Ends of logs stand in the page once, with the failures.
function excerpt(attempt, stream) {
    return attempt.bits & EXCERPT ? byId(`log-${attempt.at}-${stream}`) : null;
}
