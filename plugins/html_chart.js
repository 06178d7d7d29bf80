// SPDX-License-Identifier: MIT
//
// The timeline: a lane for each worker, a bar for each attempt. Drawn on a canvas, since there may be a hundred
// thousand; for the keyboard it has a cursor, which is told in words below it, and the tables say the same.
"use strict";

const GUTTER = 44, AXIS = 22, HEADING = 20;
const chart = {lanes: [], headings: [], from: 0, to: 1, end: 1, width: 0, height: 0, lane: 20, cursor: -1, colors: {},
    drag: null, waiting: false};

// ---- lanes ----

function buildLanes() {
    const lanes = new Map();
    for (const attempt of attempts) {
        if (!attempt.worker || attempt.start < 0 || attempt.bits & JUDGED)
            continue;
        const key = `${attempt.run} ${attempt.worker}`;
        if (!lanes.has(key))
            lanes.set(key, {run: attempt.run, worker: attempt.worker, host: attempt.host, bars: [], y: 0, idle: 0});
        const lane = lanes.get(key);
        lane.bars.push(attempt);
        if (!data.steps[attempt.step].cleanup)
            lane.idle = Math.max(lane.idle, attempt.start + attempt.us);
        chart.end = Math.max(chart.end, attempt.start + attempt.us);
    }
    chart.lanes = [...lanes.values()].sort((a, b) => a.run - b.run || a.host - b.host || a.worker - b.worker);
    chart.lanes.forEach((lane, i) => {
        lane.bars.sort((a, b) => a.start - b.start || a.at - b.at);
        lane.bars.forEach((attempt) => { attempt.lane = i; });
    });
    chart.to = chart.end;
}

// Hosts and runs get a heading of their own where there are several.
function placeLanes() {
    const n = chart.lanes.length;
    chart.lane = n <= 12 ? 22 : n <= 24 ? 18 : n <= 60 ? 13 : Math.max(2, Math.min(8, Math.floor(30000 / n)));
    const several = new Set(chart.lanes.map((lane) => `${lane.run} ${lane.host}`)).size > 1;
    let y = AXIS, before = "";
    chart.headings = [];
    for (const lane of chart.lanes) {
        const group = `${lane.run} ${lane.host}`;
        if (several && group !== before) {
            const run = data.runs.length > 1 ? `run ${data.runs[lane.run].id}, ` : "";
            chart.headings.push({y: y + HEADING - 6, text: run + data.hosts[lane.host]});
            y += HEADING;
        }
        before = group;
        lane.y = y;
        y += chart.lane;
    }
    chart.height = y + 6;
}

// ---- where things are ----

function xOf(us) {
    return GUTTER + (us - chart.from) * (chart.width - GUTTER) / (chart.to - chart.from);
}

function usOf(x) {
    return chart.from + (x - GUTTER) * (chart.to - chart.from) / (chart.width - GUTTER);
}

// The first bar of the lane that ends behind `us`. Bars of a lane follow one another.
function firstBehind(bars, us) {
    let low = 0, high = bars.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (bars[middle].start + bars[middle].us < us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The bar there, or a small one within reach of a finger.
function barAt(x, y) {
    const lane = chart.lanes.find((one) => y >= one.y && y < one.y + chart.lane);
    if (!lane || x < GUTTER)
        return -1;
    const reach = 3 * (chart.to - chart.from) / (chart.width - GUTTER), us = usOf(x);
    let best = -1, distance = Infinity;
    for (let i = firstBehind(lane.bars, us - reach); i < lane.bars.length; i++) {
        const bar = lane.bars[i];
        if (bar.start > us + reach)
            break;
        const off = us < bar.start ? bar.start - us : Math.max(0, us - bar.start - bar.us);
        if (off < distance)
            [best, distance] = [bar.at, off];
    }
    return best;
}

// ---- drawing ----

function readColors() {
    const style = getComputedStyle(document.documentElement);
    for (const name of [...OUTCOMES, "retried", "line", "muted", "text", "tail", "page", "accent", "onbar"])
        chart.colors[name] = style.getPropertyValue(`--${name}`).trim();
    chart.font = `11px ${getComputedStyle(document.body).fontFamily}`;
}

// 1, 2 or 5 times a power of ten; of minutes and hours what people say.
function tickStep(span, most) {
    const wanted = span / most;
    for (const s of [60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400]) {
        if (wanted > 3e7 && s * 1e6 >= wanted)
            return s * 1e6;
    }
    const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1)));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= wanted);
}

function tickText(us, step) {
    if (us === 0)
        return "0";
    if (step >= 6e7)
        return us >= 3.6e9 ? `${Math.floor(us / 3.6e9)} h ${Math.floor(us % 3.6e9 / 6e7)} m` : `${us / 6e7} m`;
    if (step >= 1e6)
        return `${Math.round(us / 1e6)} s`;
    return step >= 1e3 && us < 1e6 ? `${Math.round(us / 1e3)} ms`
        : `${(us / 1e6).toFixed(Math.min(6, Math.ceil(-Math.log10(step / 1e6))))} s`;
}

function drawAxis(context) {
    const step = tickStep(chart.to - chart.from, Math.max(2, (chart.width - GUTTER) / 90));
    context.fillStyle = chart.colors.muted;
    context.strokeStyle = chart.colors.line;
    context.textAlign = "left";
    context.beginPath();
    for (let us = Math.ceil(chart.from / step) * step; us <= chart.to; us += step) {
        const x = Math.round(xOf(us)) + 0.5;
        context.moveTo(x, AXIS - 6);
        context.lineTo(x, chart.height);
        if (x < chart.width - 30)
            context.fillText(tickText(us, step), x + 4, 12);
    }
    context.stroke();
}

function drawLabels(context) {
    context.fillStyle = chart.colors.muted;
    context.textAlign = "right";
    const every = Math.ceil(11 / chart.lane);
    chart.lanes.forEach((lane, i) => {
        if (i % every === 0)
            context.fillText(String(lane.worker), GUTTER - 8, lane.y + chart.lane / 2 + 4);
    });
    context.textAlign = "left";
    context.fillStyle = chart.colors.text;
    chart.headings.forEach((heading) => context.fillText(heading.text, 4, heading.y));
}

// What a worker stood idle after its last command, while others still ran.
function drawTails(context) {
    context.fillStyle = chart.colors.tail;
    for (const lane of chart.lanes) {
        const x = Math.max(GUTTER, xOf(lane.idle)), right = Math.min(chart.width, xOf(data.runs[lane.run].end));
        if (right > x)
            context.fillRect(x, lane.y, right - x, chart.lane);
    }
}

function colorOf(attempt) {
    return isRetried(attempt) && isBad(attempt) ? chart.colors.retried : chart.colors[OUTCOMES[attempt.outcome]];
}

// Of a path the end says more than the beginning.
function label(bar, most) {
    const text = firstLine(bar.name || title(bar), 200);
    return (text.length > most ? text.slice(text.lastIndexOf("/") + 1) : text).slice(0, most);
}

// What did not pass is as high as its lane: told apart without colours too.
function drawBar(context, bar, lane, x, right) {
    const low = bar.outcome === PASSED || bar.outcome === SKIPPED ? Math.max(1, Math.floor(chart.lane / 7)) : 1;
    const width = right - x;
    context.fillStyle = colorOf(bar);
    context.fillRect(Math.min(x, chart.width - 2), lane.y + low, width > 3 ? width - 1 : Math.max(width, isBad(bar) ? 2 : 1), chart.lane - 2 * low);
    if (width < 46 || chart.lane < 13)
        return;
    const most = Math.floor((width - 10) / 6.2);
    context.fillStyle = isBad(bar) && !isRetried(bar) ? chart.colors.page : chart.colors.onbar;
    context.fillText(label(bar, most), x + 5, lane.y + chart.lane / 2 + 4);
}

// Bars that fall into one pixel are drawn once: a hundred thousand of them are as quick as ten thousand.
function drawLane(context, lane, wanted) {
    let edge = -1;
    for (let i = firstBehind(lane.bars, chart.from); i < lane.bars.length; i++) {
        const bar = lane.bars[i];
        if (bar.start > chart.to)
            break;
        if (!wanted(bar))
            continue;
        const x = Math.max(GUTTER, xOf(bar.start)), right = Math.min(chart.width, xOf(bar.start + bar.us));
        if (right < edge)
            continue;
        drawBar(context, bar, lane, x, right);
        edge = Math.floor(right) + 1 - (right - x > 1 ? 1 : 0);
    }
}

function drawMark(context, at, color, width) {
    const attempt = attempts[at];
    if (!attempt || attempt.lane === undefined)
        return;
    const x = Math.max(GUTTER, xOf(attempt.start)), right = Math.min(chart.width, xOf(attempt.start + attempt.us));
    if (right < GUTTER || x > chart.width)
        return;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(x - 1, chart.lanes[attempt.lane].y, Math.max(3, right - x + 1), chart.lane);
    context.lineWidth = 1;
}

function paint() {
    const canvas = byId("canvas"), scale = window.devicePixelRatio || 1;
    const context = canvas.getContext("2d");
    chart.waiting = false;
    chart.width = canvas.clientWidth;
    canvas.width = Math.round(chart.width * scale);
    canvas.height = Math.round(chart.height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.font = chart.font;
    drawTails(context);
    drawAxis(context);
    const passes = [(bar) => !matches[bar.at], (bar) => matches[bar.at] && !isBad(bar), (bar) => matches[bar.at] && isBad(bar)];
    passes.forEach((wanted, i) => {
        context.globalAlpha = i === 0 ? 0.18 : 1;
        chart.lanes.forEach((lane) => drawLane(context, lane, wanted));
    });
    drawLabels(context);
    drawMark(context, detail.at, chart.colors.text, 2);
    drawMark(context, chart.cursor, chart.colors.accent, 2);
    if (chart.drag && chart.drag.moved) {
        context.fillStyle = chart.colors.accent;
        context.globalAlpha = 0.2;
        context.fillRect(Math.min(chart.drag.x, chart.drag.to), 0, Math.abs(chart.drag.to - chart.drag.x), chart.height);
        context.globalAlpha = 1;
    }
}

function drawChart() {
    if (chart.lanes.length && !chart.waiting) {
        chart.waiting = true;
        requestAnimationFrame(paint);
    }
}

// ---- moving about ----

function show(from, to) {
    const span = Math.min(Math.max(to - from, 10), chart.end);
    chart.from = Math.max(0, Math.min(from, chart.end - span));
    chart.to = chart.from + span;
    byId("zoom-all").disabled = span === chart.end;
    drawChart();
}

function zoom(factor, around) {
    const middle = around === undefined ? (chart.from + chart.to) / 2 : around;
    show(middle - (middle - chart.from) / factor, middle + (chart.to - middle) / factor);
}

function inWords(attempt) {
    const name = attempt.name ? ` ${firstLine(attempt.name, 100)}` : "";
    const reason = attempt.reason ? `: ${firstLine(attempt.reason, 120)}` : "";
    const again = attempt.attempt > 1 ? `, attempt ${attempt.attempt}` : "";
    return `${title(attempt)}${name}, ${OUTCOMES[attempt.outcome]}${reason}${again}; ${time(attempt.us)} from ` +
        `${time(attempt.start)} on, ${place(attempt)}`;
}

function setCursor(at) {
    const attempt = attempts[at];
    if (!attempt || attempt.lane === undefined)
        return;
    chart.cursor = at;
    byId("said").textContent = inWords(attempt);
    if (attempt.start < chart.from || attempt.start > chart.to)
        show(attempt.start - (chart.to - chart.from) / 2, attempt.start + (chart.to - chart.from) / 2);
    drawChart();
}

function neighbour(along, across) {
    const bar = attempts[chart.cursor];
    const lane = chart.lanes[bar.lane + across];
    if (!lane)
        return bar.at;
    const i = across ? Math.min(firstBehind(lane.bars, bar.start), lane.bars.length - 1) : lane.bars.indexOf(bar) + along;
    return lane.bars[i] ? lane.bars[i].at : bar.at;
}

function nextBad() {
    const n = attempts.length;
    for (let i = 1; i <= n; i++) {
        const attempt = attempts[(Math.max(chart.cursor, 0) + i) % n];
        if (isBad(attempt) && !isRetried(attempt) && attempt.lane !== undefined && matches[attempt.at])
            return attempt.at;
    }
    return chart.cursor;
}

function onChartKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey)
        return;
    const lane = chart.lanes[chart.cursor < 0 ? 0 : attempts[chart.cursor].lane];
    const keys = {
        ArrowLeft: () => setCursor(neighbour(-1, 0)), ArrowRight: () => setCursor(neighbour(1, 0)),
        ArrowUp: () => setCursor(neighbour(0, -1)), ArrowDown: () => setCursor(neighbour(0, 1)),
        Home: () => setCursor(lane.bars[0].at), End: () => setCursor(lane.bars[lane.bars.length - 1].at),
        n: () => setCursor(nextBad()), Enter: () => showDetail(chart.cursor, byId("canvas")),
        " ": () => showDetail(chart.cursor, byId("canvas")),
        "+": () => zoom(2, attempts[chart.cursor].start), "-": () => zoom(0.5, attempts[chart.cursor].start),
        0: () => show(0, chart.end),
    };
    if (!keys[event.key])
        return;
    event.preventDefault();
    if (chart.cursor < 0)
        setCursor(chart.lanes[0].bars[0].at);
    keys[event.key]();
}

function showTip(event, at) {
    const tip = byId("tip");
    tip.hidden = at < 0;
    byId("canvas").style.cursor = at < 0 ? "" : "pointer";
    if (at < 0)
        return;
    const attempt = attempts[at];
    tip.replaceChildren(badge(attempt), make("strong", null, ` ${title(attempt)} `),
        attempt.name ? make("code", null, firstLine(attempt.name, 100)) : "",
        make("div", null, `${time(attempt.us)} from ${time(attempt.start)} on, ${place(attempt)}`),
        attempt.reason ? make("div", {class: "why"}, firstLine(attempt.reason, 160)) : "");
    const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(4, left)}px`;
    const below = event.clientY + 18;
    tip.style.top = `${below + tip.offsetHeight > window.innerHeight ? event.clientY - tip.offsetHeight - 10 : below}px`;
}

function onPointer(event) {
    const {offsetX: x, offsetY: y} = event, drag = chart.drag;
    if (event.type === "pointerdown" && event.button === 0) {
        chart.drag = {x: Math.max(GUTTER, x), to: x, moved: false};
    } else if (event.type === "pointermove" && drag) {
        drag.to = Math.max(GUTTER, x);
        drag.moved = drag.moved || (event.pointerType === "mouse" && Math.abs(drag.to - drag.x) > 5);
        drawChart();
    } else if (event.type === "pointerup" && drag) {
        chart.drag = null;
        const at = barAt(x, y);
        if (drag.moved)
            show(usOf(Math.min(drag.x, drag.to)), usOf(Math.max(drag.x, drag.to)));
        else if (at >= 0)
            showDetail(at, byId("canvas"));
    }
    showTip(event, chart.drag && chart.drag.moved ? -1 : barAt(x, y));
}

function onWheel(event) {
    if (!event.ctrlKey && !event.metaKey)
        return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.3 : 1 / 1.3, usOf(event.offsetX));
}

// ---- begin ----

function legend() {
    const seen = OUTCOMES.filter((name, i) => attempts.some((one) => one.outcome === i && one.lane !== undefined && !isRetried(one)));
    const items = seen.map((name) => make("span", {class: `key ${name}`}, name));
    if (attempts.some((one) => isRetried(one) && one.lane !== undefined))
        items.push(make("span", {class: "key retried"}, "tried again"));
    if (chart.lanes.length > 1)
        items.push(make("span", {class: "key tail"}, "no more work"));
    return make("p", {class: "legend"}, ...items);
}

function makeChart() {
    const buttons = [["zoom-in", "Zoom in", () => zoom(2)], ["zoom-out", "Zoom out", () => zoom(0.5)],
        ["zoom-all", "All", () => show(0, chart.end)]].map(([id, text, act]) => {
        const button = make("button", {type: "button", id}, text);
        button.addEventListener("click", act);
        return button;
    });
    const canvas = make("canvas", {id: "canvas", tabindex: "0", role: "application", "aria-describedby": "chart-help said",
        "aria-label": `Timeline of ${chart.lanes.length} workers; all of it stands in the tables, too`});
    canvas.style.height = `${chart.height}px`;
    for (const type of ["pointerdown", "pointermove", "pointerup"])
        canvas.addEventListener(type, onPointer);
    canvas.addEventListener("pointerleave", (event) => {
        chart.drag = null;
        showTip(event, -1);
        drawChart();
    });
    canvas.addEventListener("wheel", onWheel, {passive: false});
    canvas.addEventListener("keydown", onChartKey);
    byId("chart").append(make("div", {class: "tools"}, legend(), make("div", {class: "buttons"}, ...buttons)),
        make("div", {class: "scroll"}, canvas), make("p", {id: "said", role: "status"}),
        make("p", {id: "chart-help", class: "meta"}, "Click a bar for its log; drag to zoom. Keys: arrows move from bar " +
            "to bar, Enter opens one, n goes to the next that did not pass, + − 0 zoom."));
    byId("zoom-all").disabled = true;
}

function startChart() {
    buildLanes();
    if (!chart.lanes.length)
        return;
    placeLanes();
    readColors();
    makeChart();
    byId("chart").hidden = false;
    listeners.push(drawChart);
    new ResizeObserver(drawChart).observe(byId("canvas"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        readColors();
        drawChart();
    });
}
