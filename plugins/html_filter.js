// SPDX-License-Identifier: MIT
//
// What is shown: the form, and the fragment of the address, so that what one has found can be sent to others.
"use strict";

const filter = {query: "", outcome: "", step: "", host: ""};
// Positions of the attempts that match, and the same as a table of 0 and 1.
let matching = [];
const matches = new Uint8Array(attempts.length);
const listeners = [];
const haystacks = [];

function haystack(attempt) {
    let text = haystacks[attempt.at];
    if (text === undefined) {
        text = `${title(attempt)}\n${attempt.name}\n${attempt.reason}\n${place(attempt)}`;
        for (const test of testsOf(attempt))
            text += `\n${test.classname} ${test.name} ${test.file} ${test.message}`;
        for (const log of [excerpt(attempt, "out"), excerpt(attempt, "err")])
            text += log ? `\n${log.textContent}` : "";
        text = text.toLowerCase();
        haystacks[attempt.at] = text;
    }
    return text;
}

const CHOICES = {
    bad: ["did not pass", (attempt) => isBad(attempt) && attempt.bits & FINAL],
    flaky: ["flaky", (attempt) => attempt.flags & FLAKY],
    retried: ["tried again", isRetried],
};

function fitsOutcome(attempt) {
    const choice = CHOICES[filter.outcome];
    if (choice)
        return choice[1](attempt);
    return (attempt.bits & FINAL || attempt.outcome === RUNNING) && OUTCOMES[attempt.outcome] === filter.outcome;
}

function fits(attempt, words) {
    if (filter.outcome && !fitsOutcome(attempt))
        return false;
    if (filter.step && data.steps[attempt.step].name !== filter.step)
        return false;
    if (filter.host && data.hosts[attempt.host] !== filter.host)
        return false;
    return words.every((word) => haystack(attempt).includes(word));
}

function applyFilter() {
    const words = filter.query.toLowerCase().split(/\s+/).filter(Boolean);
    matching = [];
    for (const attempt of attempts) {
        matches[attempt.at] = fits(attempt, words) ? 1 : 0;
        if (matches[attempt.at])
            matching.push(attempt.at);
    }
    const all = matching.length === attempts.length;
    byId("found").textContent = all ? `${count(attempts.length)} attempts`
        : `${count(matching.length)} of ${count(attempts.length)} attempts`;
    listeners.forEach((listener) => listener());
}

function isFiltered() {
    return matching.length !== attempts.length;
}

function writeAddress() {
    const set = Object.entries(filter).filter(([, value]) => value);
    const fragment = new URLSearchParams(set).toString();
    history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search);
}

// The form shows the filter; what it has no choice for is no filter.
function fillForm() {
    for (const name of Object.keys(filter)) {
        const control = byId(name);
        if (control.value !== filter[name])
            control.value = filter[name];
        filter[name] = control.value;
    }
}

function setFilter(changes) {
    Object.assign(filter, changes);
    fillForm();
    writeAddress();
    applyFilter();
}

function readAddress() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(filter))
        filter[name] = said.get(name) || "";
}

function fillSelect(select, all, options) {
    select.append(make("option", {value: ""}, all),
        ...options.map(([value, text]) => make("option", {value}, text)));
    select.closest("label").hidden = options.length < 2;
}

function changed(control) {
    if (filter[control.id] !== control.value)
        setFilter({[control.id]: control.value});
}

function startFilter() {
    const form = byId("filter");
    const seen = new Set(attempts.map((attempt) => OUTCOMES[attempt.outcome]));
    const outcomes = OUTCOMES.filter((name) => seen.has(name)).map((name) => [name, name]);
    const more = Object.entries(CHOICES).filter(([, choice]) => attempts.some(choice[1]))
        .map(([value, choice]) => [value, choice[0]]);
    const same = (name) => [name, name];
    fillSelect(byId("outcome"), "any", [...more, ...outcomes]);
    fillSelect(byId("step"), "any", [...new Set(data.steps.map((step) => step.name))].map(same));
    fillSelect(byId("host"), "any", data.hosts.filter(Boolean).map(same));
    readAddress();
    fillForm();
    form.hidden = false;
    for (const type of ["input", "change"])
        form.addEventListener(type, (event) => changed(event.target));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
        event.preventDefault();
        setFilter({query: "", outcome: "", step: "", host: ""});
    });
}
