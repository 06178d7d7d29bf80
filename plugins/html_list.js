// SPDX-License-Identifier: MIT
//
// All commands that match, a page at a time: a plain table, so that it is read like one.
"use strict";

const PAGE = 50;
const list = {first: 0, by: "", down: false, order: []};

// Heading, class, what the rows are ordered by.
const COLUMNS = {
    outcome: ["Outcome", "fit", (a) => a.outcome],
    run: ["Run", "fit", (a) => a.run],
    command: ["Command", "", (a) => a.at],
    attempt: ["Attempt", "n", (a) => a.attempt],
    worker: ["Worker", "n", (a) => a.run * 1e6 + a.worker],
    host: ["Host", "fit", (a) => data.hosts[a.host]],
    start: ["Begun at", "n", (a) => a.start],
    took: ["Took", "n", (a) => a.us],
    reason: ["Reason", "wide-cell", (a) => a.reason],
};
if (!severalHosts)
    delete COLUMNS.host;
if (!severalRuns)
    delete COLUMNS.run;

function compareBy(key, down) {
    const sign = down ? -1 : 1;
    return (i, j) => {
        const a = key(attempts[i]), b = key(attempts[j]);
        return a < b ? -sign : a > b ? sign : i - j;
    };
}

// The heading is a button; a second press turns the order round.
function orderBy(name) {
    list.down = list.by === name ? !list.down : name === "took" || name === "attempt";
    list.by = name;
    refreshList();
    byId(`by-${name}`).focus();
}

function headRow() {
    const cells = Object.entries(COLUMNS).map(([name, [text, kind]]) => {
        const button = make("button", {type: "button", id: `by-${name}`}, text);
        button.addEventListener("click", () => orderBy(name));
        const sort = list.by === name ? (list.down ? "descending" : "ascending") : null;
        return make("th", {scope: "col", class: kind, "aria-sort": sort}, button);
    });
    return make("tr", null, ...cells, make("th", {scope: "col", class: "fit"}, "Files"));
}

function commandCell(attempt) {
    const link = make("a", {href: `#at-${attempt.at}`, "data-at": attempt.at}, title(attempt));
    if (attempt.name)
        link.append(" ", make("code", null, firstLine(attempt.name, 120)));
    const cases = testsOf(attempt).length;
    if (cases)
        link.append(make("small", null, cases === 1 ? " 1 case" : ` ${count(cases)} cases`));
    return make("td", null, link, ...flags(attempt).flatMap((flag) => [" ", flag]));
}

function row(at) {
    const attempt = attempts[at];
    const began = attempt.start >= 0;
    return make("tr", {"data-row": at},
        make("td", null, badge(attempt)),
        ...(severalRuns ? [make("td", {class: "fit"}, make("code", null, data.runs[attempt.run].id))] : []),
        commandCell(attempt),
        make("td", {class: "n"}, String(attempt.attempt)),
        make("td", {class: "n"}, attempt.worker ? String(attempt.worker) : ""),
        ...(severalHosts ? [make("td", {class: "fit"}, data.hosts[attempt.host])] : []),
        make("td", {class: "n"}, began ? time(attempt.start) : ""),
        make("td", {class: "n"}, began ? time(attempt.us) : ""),
        make("td", {class: "why"}, firstLine(attempt.reason, 200)),
        make("td", {class: "files"}, ...links(attempt)));
}

function turnTo(first) {
    list.first = Math.max(0, Math.min(first, list.order.length - 1));
    list.first -= list.first % PAGE;
    drawList();
}

function pager() {
    const last = Math.min(list.first + PAGE, list.order.length);
    const button = (text, first, off) => {
        const made = make("button", {type: "button", disabled: off}, text);
        made.addEventListener("click", () => {
            turnTo(first);
            byId("list").querySelector(".pager").scrollIntoView({block: "nearest"});
        });
        return made;
    };
    const where = list.order.length ? `${count(list.first + 1)} to ${count(last)} of ${count(list.order.length)}`
        : "Nothing matches.";
    if (list.order.length <= PAGE)
        return make("p", {class: "pager", role: "status"}, where);
    return make("nav", {class: "pager", "aria-label": "Pages of the list"},
        button("First", 0, list.first === 0), button("Previous", list.first - PAGE, list.first === 0),
        make("span", {role: "status"}, where),
        button("Next", list.first + PAGE, last === list.order.length),
        button("Last", list.order.length - 1, last === list.order.length));
}

function drawList() {
    const rows = list.order.slice(list.first, list.first + PAGE).map(row);
    const table = make("table", {id: "rows"}, make("caption", {class: "hide"}, "Attempts of commands that match"),
        make("thead", null, headRow()), make("tbody", null, ...rows));
    byId("list").replaceChildren(pager(), make("div", {class: "wide"}, table));
}

function refreshList() {
    list.order = list.by ? matching.slice().sort(compareBy(COLUMNS[list.by][2], list.down)) : matching;
    turnTo(0);
}

function startList() {
    byId("list").hidden = false;
    listeners.push(refreshList);
}
