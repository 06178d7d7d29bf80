// SPDX-License-Identifier: MIT
//
// Puts the parts together.
"use strict";

// Links of the tables that stand in the page: to a command, to those of an outcome or a step.
function onLink(event) {
    const link = event.target.closest("a[data-at], a[data-outcome], a[data-step]");
    if (!link)
        return;
    if (link.dataset.at !== undefined) {
        event.preventDefault();
        showDetail(Number(link.dataset.at), link);
        return;
    }
    event.preventDefault();
    setFilter(link.dataset.step === undefined ? {outcome: link.dataset.outcome}
        : {step: data.steps[Number(link.dataset.step)].name});
    byId("commands").scrollIntoView();
}

function onKey(event) {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "Escape" && detail.at >= 0) {
        hideDetail();
    } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        byId("query").focus();
    }
}

function start() {
    startFilter();
    startList();
    startChart();
    document.addEventListener("click", onLink);
    document.addEventListener("keydown", onKey);
    window.addEventListener("hashchange", () => {
        if (!location.hash.includes("="))
            return; // a place in the page
        readAddress();
        setFilter({});
    });
    applyFilter();
}

start();
