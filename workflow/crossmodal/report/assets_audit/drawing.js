// A chain as SVG: boxes that take focus, arrows between them, and a flag with the number at the end.
const drawing = (() => {
  const BOX = { width: 172, height: 76 };
  const HEAD = 42;
  const ROW = 23;
  const FLAG = { width: 132, height: 62 };
  const GAP = { layers: 34, boxes: 14 };
  const MARGIN = 6;
  const LEAST_SCALE = 0.82;

  const make = (name, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  const pen = document.createElement("canvas").getContext("2d");
  const family = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Roboto, Helvetica, Arial, sans-serif";
  const widthOf = (text, font) => { pen.font = `${font} ${family}`; return pen.measureText(text).width; };
  const fits = (text, font, width) => widthOf(text, font) <= width;

  const clipped = (text, font, width) => {
    if (fits(text, font, width)) return text;
    let end = text.length;
    while (end > 1 && !fits(`${text.slice(0, end)}…`, font, width)) end -= 1;
    return `${text.slice(0, end)}…`;
  };

  // Words in two lines; what does not fit ends in an ellipsis.
  const twoLines = (words, font, width) => {
    const first = [...words];
    const rest = [];
    while (first.length > 1 && !fits(first.join(" · "), font, width)) rest.unshift(first.pop());
    return [first, rest].filter((line) => line.length).map((line) => clipped(line.join(" · "), font, width));
  };

  const sizeOf = (unit) => {
    if (unit === "end") return FLAG;
    return unit.members.length === 1 ? BOX : { width: BOX.width, height: HEAD + ROW * unit.members.length + 6 };
  };

  // Something that takes focus and stands for one job.
  const handle = (job, id, left, top, ...children) => make(
    "g", {
      class: `box ${job.verdict}`, tabindex: 0, role: "button", "data-job": id, "aria-controls": "details",
      "aria-label": `${job.name}: ${job.verdict}${job.duration ? `, ${job.duration}` : ""}`,
      transform: `translate(${left} ${top})`,
    },
    make("title", {}, `${job.name}\n${job.verdict}`), ...children,
  );

  const box = (job, id, left, top) => {
    const inner = BOX.width - 22;
    return handle(
      job, id, left, top,
      make("rect", { class: "body", width: BOX.width, height: BOX.height, rx: 7 }),
      make("path", { class: "stripe", d: `M7 0H5Q0 0 0 6V${BOX.height - 6}Q0 ${BOX.height} 5 ${BOX.height}H7Z` }),
      make("text", { class: "rule", x: 15, y: 19 }, clipped(job.rule, "600 12.5px", inner)),
      ...twoLines(job.labels, "11.5px", inner).map((line, i) => make("text", { class: "labels", x: 15, y: 35 + 14 * i }, line)),
      make("text", { class: "verdict", x: 15, y: BOX.height - 9 }, `${job.sign} ${job.verdict}`),
      make("text", { class: "duration", x: BOX.width - 8, y: BOX.height - 9 }, job.duration),
    );
  };

  // A frame with a row for each of its jobs; a row says its verdict where that is not the best one.
  const frame = (unit, jobs, left, top) => {
    const { width, height } = sizeOf(unit);
    const row = (id, i) => {
      const job = jobs[id];
      const right = job.verdict === "verified" ? job.duration : job.verdict;
      const label = clipped(unit.apart[i].join(" · ") || job.rule, "11.5px", width - 46 - widthOf(right, "11.5px"));
      return handle(
        job, id, 4, HEAD + ROW * i,
        make("rect", { class: "body", width: width - 8, height: ROW - 3, rx: 4 }),
        make("text", { class: "verdict", x: 8, y: 15 }, job.sign), make("text", { x: 23, y: 15 }, label),
        make("text", { class: "duration", x: width - 16, y: 15 }, right),
      );
    };
    return make(
      "g", { class: "frame", transform: `translate(${left} ${top})` },
      make("rect", { width, height, rx: 7 }),
      make("text", { class: "rule", x: 10, y: 18 }, clipped(jobs[unit.members[0]].rule, "600 12.5px", width - 16)),
      make("text", { class: "labels", x: 10, y: 34 }, clipped([`${unit.members.length} jobs`, ...unit.common].join(" · "), "11.5px", width - 16)),
      ...unit.members.map(row),
    );
  };

  const flag = (end, left, top) => {
    const group = make("g", { class: `flag ${end.verdict}`, transform: `translate(${left} ${top})` });
    const inner = FLAG.width - 18;
    group.append(
      make("title", {}, end.title),
      make("rect", { class: "body", width: FLAG.width, height: FLAG.height, rx: FLAG.height / 2 }),
      make("text", { class: "value", x: FLAG.width / 2, y: 27 }, clipped(end.text, "650 17px", inner)),
      make("text", { class: "labels", x: FLAG.width / 2, y: 45 }, clipped(end.label, "11.5px", inner)),
    );
    return group;
  };

  const arrow = (edge, points, across) => {
    const [x0, y0] = points[0];
    let path = `M${x0} ${y0}`;
    points.slice(1).forEach(([x, y], i) => {
      const [px, py] = points[i];
      const bend = across ? `${(px + x) / 2} ${py} ${(px + x) / 2} ${y}` : `${px} ${(py + y) / 2} ${x} ${(py + y) / 2}`;
      path += (across ? py === y : px === x) ? `L${x} ${y}` : `C${bend} ${x} ${y}`;
    });
    const [x, y] = points.at(-1);
    const head = across ? `M${x} ${y}l-7 -4v8z` : `M${x} ${y}l-4 -7h8z`;
    return make(
      "g", { class: `arrow ${edge.verdict}`, "data-from": edge.from.join(" "), "data-to": edge.to.join(" ") },
      make("title", {}, edge.title), make("path", { class: "reach", d: path }), make("path", { class: "line", d: path }),
      make("path", { class: "head", d: head }),
    );
  };

  // Left to right where that fits the width at a readable scale, else top to bottom, else the narrower of both.
  const oriented = (units, parents, width) => {
    const plan = (across) => {
      const [along, beside] = across ? ["width", "height"] : ["height", "width"];
      const graph = layout(units, parents, (unit) => sizeOf(unit)[beside] + GAP.boxes, 16);
      let at = MARGIN;
      const layers = graph.rows.map((row) => {
        const depth = Math.max(...row.filter((point) => !point.joint).map((point) => sizeOf(point.node)[along]));
        at += depth + GAP.layers;
        return { start: at - depth - GAP.layers, depth };
      });
      const size = [at - GAP.layers + MARGIN, graph.breadth + 2 * MARGIN];
      const [w, h] = across ? size : [...size].reverse();
      return { across, graph, layers, width: w, height: h };
    };
    const plans = [plan(true), plan(false)];
    return plans.find((p) => p.width * LEAST_SCALE <= width) || plans.sort((a, b) => a.width - b.width)[0];
  };

  // Returns {svg, across, graph} of a chain in units (see units.js); `edgeOf` says what an arrow between two stands
  // for. `end` is what the flag says, whose unit is "end" and comes last; null for none.
  return (units, parents, jobs, edgeOf, end, width) => {
    const { across, graph, layers, width: w, height: h } = oriented(units, parents, width);
    // The middle of a point's near (-1) or far (1) side, or its centre (0); or of its layer's side, where an arrow may
    // bend without crossing a larger neighbour.
    const spot = (point, sign, ofLayer = point.joint) => {
      const { start, depth } = layers[point.layer];
      const own = ofLayer ? depth : sizeOf(point.node)[across ? "width" : "height"];
      const along = start + depth / 2 + (sign * own) / 2;
      return across ? [along, MARGIN + point.at] : [MARGIN + point.at, along];
    };
    const scale = Math.max(LEAST_SCALE, Math.min(1, width / w));
    const count = units.reduce((sum, unit) => sum + (unit === "end" ? 0 : unit.members.length), 0);
    const svg = make("svg", {
      viewBox: `0 0 ${w} ${h}`, width: Math.floor(w * scale), height: Math.ceil(h * scale), role: "group",
      "aria-label": `chain of ${count} jobs, sources first`,
    });
    for (const route of graph.edges) {
      const [first, last] = [route[0], route.at(-1)];
      const points = [
        spot(first, 1), spot(first, 1, true), ...route.slice(1, -1).flatMap((joint) => [spot(joint, -1), spot(joint, 1)]),
        spot(last, -1, true), spot(last, -1),
      ];
      svg.append(arrow(edgeOf(first.node, last.node), points, across));
    }
    // In the order of the chain, so that the tabulator key walks from the sources to the number.
    for (const unit of units) {
      const [x, y] = spot(graph.byNode.get(unit), 0);
      const size = sizeOf(unit);
      const [left, top] = [x - size.width / 2, y - size.height / 2];
      if (unit === "end") svg.append(flag(end, left, top));
      else if (unit.members.length > 1) svg.append(frame(unit, jobs, left, top));
      else svg.append(box(jobs[unit.members[0]], unit.members[0], left, top));
    }
    return { svg, across, graph };
  };
})();
