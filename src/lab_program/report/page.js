"use strict";
// Names the curves under the pointer and zooms. What is in view is the viewBox of a figure's curves;
// the values are in the JSON of the figure. Without this script the figures stand still.

const MOST_NAMED = 9;

function node(name, attributes, parent) {
  // The namespace is that of an svg that is there, so that no address stands in the page.
  const made = document.createElementNS(document.querySelector("svg.axes").namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function line(text, kind, parent) {
  const made = document.createElement("p");
  made.className = kind;
  made.append(text);
  parent.append(made);
  return made;
}

const short = (value) => (value === null || value === undefined ? "not finite" : String(Number(value.toPrecision(4))));

// A mean in as many digits as its spread says anything about.
function withSpread(value, spread) {
  const digits = 1 - Math.floor(Math.log10(spread));
  const fixed = value !== null && spread > 0 && digits >= 0 && digits <= 8;
  return fixed ? `${value.toFixed(digits)} ± ${spread.toFixed(digits)}` : short(value) + (spread ? ` ± ${short(spread)}` : "");
}

// Round numbers between two, with their labels.
function ticks([low, high], target) {
  const rough = (high - low) / target, unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((many) => many * unit).find((step) => step >= rough * 0.999);
  const most = Math.max(Math.abs(low), Math.abs(high)), exponent = (value) => Math.floor(Math.log10(value) + 1e-9);
  const label = (value) => {
    if (most >= 1e7 || most < 1e-3) return value === 0 ? "0" : value.toExponential(Math.max(0, exponent(most) - exponent(step)));
    const text = value.toFixed(Math.max(0, -exponent(step)));
    return most < 1e4 ? text : text.replace(/\B(?=(\d{3})+$)/g, "\u2009");
  };
  const values = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) values.push(k * step);
  return values.map((value) => [value, label(value)]);
}

// The place of the step nearest to x in a rising list.
function nearest(steps, x) {
  let low = 0, high = steps.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle] < x) low = middle; else high = middle;
  }
  return x - steps[low] < steps[high] - x ? low : high;
}

function chart(figure) {
  const json = figure.querySelector("script");
  if (!json) return;
  const data = JSON.parse(json.textContent);
  const plot = figure.querySelector(".plot"), axes = plot.querySelector(".axes");
  const curves = plot.querySelector(".curves"), grid = plot.querySelector(".ticks");
  const still = grid.cloneNode(true), lines = [...curves.querySelectorAll(".line")];
  const cursor = node("line", { class: "cursor", y2: "100%" }, axes);
  const select = node("rect", { class: "select", height: "100%", width: 0 }, axes);
  const tip = document.createElement("div"), reset = document.createElement("button");
  tip.className = "tip"; tip.hidden = true; tip.setAttribute("aria-live", "polite");
  reset.className = "reset"; reset.hidden = true; reset.textContent = "show all";
  plot.append(tip, reset);
  plot.classList.add("live");
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", axes.getAttribute("aria-label") + ". Arrow keys: values. Plus, minus: zoom. 0: all.");
  // On a logarithmic axis places, the ends of the axis among them, are those of the values' logarithms.
  const up = (value) => (data.log ? Math.log10(value) : value);
  data.y = data.y.map(up);
  let view = { x: data.x, y: data.y }, at = null, begun = null;

  const part = (value, [low, high]) => (value - low) / (high - low);
  const visible = ([low, high]) => {
    let least = Infinity, most = -Infinity;
    for (const { at, y, spread } of data.curves) {
      const steps = data.steps[at];
      for (let i = 0; i < y.length; i++) {
        if (y[i] === null || steps[i] < low || steps[i] > high) continue;
        const below = y[i] - (spread[i] || 0);
        least = Math.min(least, up(data.log && below <= 0 ? y[i] : below));
        most = Math.max(most, up(y[i] + (spread[i] || 0)));
      }
    }
    const room = 0.05 * (most - least) || 0.05 * Math.abs(most);
    const [bottom, top] = [Math.max(data.y[0], least - room), Math.min(data.y[1], most + room)];
    return top > bottom ? [bottom, top] : data.y;
  };

  function draw() {
    const [left, right] = view.x.map((x) => 1000 * part(x, data.x));
    const [bottom, top] = view.y.map((y) => 1000 * (1 - part(y, data.y)));
    curves.setAttribute("viewBox", `${left} ${top} ${right - left} ${bottom - top}`);
    const whole = view.x === data.x;
    reset.hidden = whole;
    for (const factor of figure.querySelectorAll(".factor")) factor.hidden = !whole;
    grid.replaceChildren(...(whole ? still.cloneNode(true).childNodes : []));
    if (whole) return;
    for (const [value, label] of ticks(view.x, 4)) {
      const place = 100 * part(value, view.x) + "%";
      node("line", { x1: place, x2: place, y2: "100%" }, grid);
      node("text", { x: place, y: "100%", dy: 18, "text-anchor": "middle" }, grid).append(label);
    }
    for (const [value, text] of ticks(view.y, 5)) {
      const label = data.log ? String(Number((10 ** value).toPrecision(3))) : text;
      const place = 100 * (1 - part(value, view.y)) + "%";
      node("line", { y1: place, y2: place, x2: "100%" }, grid);
      node("text", { x: -8, y: place, dy: 4, "text-anchor": "end" }, grid).append(label);
    }
  }

  function zoom(low, high) {
    [low, high] = [Math.max(low, data.x[0]), Math.min(high, data.x[1])];
    if (!(high - low > 1e-4 * (data.x[1] - data.x[0]))) return;
    view = { x: [low, high], y: visible([low, high]) };
    forget();
    draw();
  }

  function all() {
    view = { x: data.x, y: data.y };
    forget();
    draw();
  }

  function forget() {
    at = null;
    tip.hidden = true;
    plot.classList.remove("pointed");
  }

  // The curves that have a value near x, the highest first.
  function found(x) {
    const room = 0.03 * (view.x[1] - view.x[0]), list = [];
    data.curves.forEach((curve, index) => {
      const steps = data.steps[curve.at];
      if (!steps.length || x < steps[0] - room || x > steps[steps.length - 1] + room) return;
      const place = nearest(steps, x);
      list.push({ curve, index, place, step: steps[place], value: curve.y[place] });
    });
    return list.sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  }

  // Shows the values at x; the curve nearest to y is named first of all.
  function point(x, y, index) {
    let list = found(x);
    if (!list.length) return forget();
    const far = ({ value }) => (value === null ? Infinity : Math.abs(part(up(value), view.y) - part(y, view.y)));
    const near = list.find((one) => one.index === index) || list.reduce((a, b) => (far(b) < far(a) ? b : a));
    at = { x: near.step, y: near.value === null ? y : up(near.value), index: near.index, place: near.place };
    const others = list.length - MOST_NAMED;
    if (others > 0) {
      const some = [...list].sort((a, b) => far(a) - far(b)).slice(0, MOST_NAMED);
      if (!some.includes(near)) some.push(near);
      list = list.filter((one) => some.includes(one));
    }
    tip.replaceChildren();
    line(`step ${near.step}`, "", tip);
    for (const { curve, index, value, place, step } of list) {
      const other = step === near.step ? "" : ` (step ${step})`;
      const row = line("", index === near.index ? "near" : "", tip);
      const swatch = node("svg", { class: "swatch", viewBox: "0 0 28 10" }, row);
      node("path", { class: lines[index].getAttribute("class").replace(/ (dot|near)/g, ""), d: "M2 5H26" }, swatch);
      row.append(`${curve.name}: ${withSpread(value, curve.spread[place])}${other}`);
      if (index === near.index && curve.members.length) {
        line(curve.members.map(([name, y]) => `${name}: ${short(y[place])}`).join(", "), "of", tip);
      }
    }
    if (others > 0) line(`and ${others} more`, "of", tip);
    const left = part(near.step, view.x), place = 100 * left + "%";
    cursor.setAttribute("x1", place);
    cursor.setAttribute("x2", place);
    lines.forEach((path, index) => path.classList.toggle("near", index === near.index));
    const kind = lines[near.index].classList[1];
    for (const band of curves.querySelectorAll(".band")) band.classList.toggle("near", band.classList.contains(kind));
    plot.classList.add("pointed");
    tip.hidden = false;
    const [box, outer] = [axes.getBoundingClientRect(), plot.getBoundingClientRect()];
    const middle = box.left - outer.left + left * box.width;
    tip.style.left = Math.max(0, Math.min(middle - tip.offsetWidth / 2, outer.width - tip.offsetWidth)) + "px";
    // Below the plot, or above it where the window ends: the curves stay in view.
    const fits = box.bottom + 24 + tip.offsetHeight < innerHeight || box.top < tip.offsetHeight + 8;
    tip.style.top = (fits ? box.bottom - outer.top + 24 : -tip.offsetHeight - 4) + "px";
  }

  function place(event) {
    const box = axes.getBoundingClientRect();
    const x = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const y = 1 - (event.clientY - box.top) / box.height;
    return { x, at: view.x[0] + x * (view.x[1] - view.x[0]), value: view.y[0] + y * (view.y[1] - view.y[0]), event };
  }

  plot.addEventListener("pointerdown", (event) => {
    if (event.button || event.target === reset) return;
    begun = place(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    const here = place(event);
    if (!begun) return point(here.at, here.value);
    const [low, high] = [begun.x, here.x].sort((a, b) => a - b);
    select.setAttribute("x", 100 * low + "%");
    select.setAttribute("width", 100 * (high - low) + "%");
  });
  plot.addEventListener("pointerup", (event) => {
    if (!begun) return;
    const here = place(event), from = begun;
    drop();
    if (Math.abs(event.clientX - from.event.clientX) < 8) return point(here.at, here.value);
    zoom(...[from.at, here.at].sort((a, b) => a - b));
  });
  const drop = () => { begun = null; select.setAttribute("width", 0); };
  plot.addEventListener("pointercancel", drop);
  plot.addEventListener("pointerleave", (event) => { if (!begun && event.pointerType !== "touch") forget(); });
  plot.addEventListener("blur", forget);
  plot.addEventListener("dblclick", all);
  reset.addEventListener("click", () => { all(); plot.focus(); });
  plot.addEventListener("keydown", (event) => {
    if (event.target !== plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = at ? at.x : (view.x[0] + view.x[1]) / 2, half = (view.x[1] - view.x[0]) / 2;
    const sideways = (by) => {
      if (!at) return point(middle, (view.y[0] + view.y[1]) / 2);
      const steps = data.steps[data.curves[at.index].at];
      const next = steps[Math.min(steps.length - 1, Math.max(0, at.place + by))];
      if (next >= view.x[0] && next <= view.x[1]) point(next, at.y, at.index);
    };
    const upwards = (by) => {
      if (!at) return sideways(0);
      const list = found(at.x), place = list.findIndex(({ index }) => index === at.index) - by;
      if (list[place]) point(at.x, at.y, list[place].index);
    };
    const keys = {
      ArrowRight: () => sideways(event.shiftKey ? 10 : 1), ArrowLeft: () => sideways(event.shiftKey ? -10 : -1),
      ArrowUp: () => upwards(1), ArrowDown: () => upwards(-1),
      "+": () => zoom(middle - half / 2, middle + half / 2), "=": () => zoom(middle - half / 2, middle + half / 2),
      "-": () => (half * 2 >= (data.x[1] - data.x[0]) / 2 ? all() : zoom(middle - half * 2, middle + half * 2)),
      0: all, Escape: all,
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}

// A link leads to what is closed as well.
function open() {
  let target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
}

document.querySelectorAll("figure.chart").forEach(chart);
addEventListener("hashchange", open);
open();
