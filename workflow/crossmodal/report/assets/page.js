"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const font = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Roboto, Helvetica, Arial, sans-serif';
  const config = {
    background: null, font, view: { stroke: null }, padding: 4,
    axis: { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, titlePadding: 8, gridOpacity: 0.6 },
    header: { labelFontSize: 12 }, legend: { labelFontSize: 12 },
  };
  const shown = new Map();

  // Of some charts there is a second drawing for narrow boxes; legends get the columns that there is room for.
  const chosen = (spec, width) => {
    const meta = spec.usermeta || {};
    return meta.narrow && width < meta.below ? meta.narrow : spec;
  };
  const legendColumns = (spec, width) => {
    const entry = (spec.usermeta || {}).legend;
    return entry ? Math.max(1, Math.floor((width - 20) / entry)) : 0;
  };

  // Facets have no width of their own in Vega-Lite: as many panels in a row as the box holds, filling it.
  const fitted = (spec, width) => {
    const meta = spec.usermeta;
    if (!meta || !meta.panel) return [spec, 0];
    const room = width - meta.labels;
    const fit = Math.floor((room + meta.gap) / (meta.panel + meta.gap));
    const columns = Math.max(1, Math.min(meta.panels, fit));
    const panel = Math.max(110, Math.floor((room - (columns - 1) * meta.gap) / columns) - 4);
    return [{ ...spec, columns, spec: { ...spec.spec, width: Math.min(panel, 420) } }, columns * 1000 + panel];
  };

  const draw = async (box) => {
    if (!box.clientWidth) return;
    const source = chosen(specs[box.dataset.chart], box.clientWidth);
    const columns = legendColumns(source, box.clientWidth);
    const [spec, panels] = fitted(source, box.clientWidth);
    const shape = [source === specs[box.dataset.chart], columns, panels].join();
    const before = shown.get(box);
    if (before && before.shape === shape) return;
    if (before && before.view) before.view.finalize();
    const state = { shape, view: null };
    shown.set(box, state);
    // The interpreter evaluates expressions without `eval`, which the page's security policy forbids.
    const fitting = columns ? { ...config, legend: { ...config.legend, columns } } : config;
    const options = { renderer: "svg", actions: false, ast: true, config: fitting, mode: "vega-lite" };
    const result = await vegaEmbed(box, spec, options);
    state.view = result.view;
    box.dataset.drawn = "true";
  };

  const boxes = [...document.querySelectorAll(".chart")];
  const drawAll = () => Promise.all(boxes.map(draw));
  for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", drawAll);
  let pending = 0;
  addEventListener("resize", () => { clearTimeout(pending); pending = setTimeout(drawAll, 150); });
  drawAll();

  // A table that goes on behind the right edge says so, until its end is in sight.
  const look = (box) => box.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => look(entry.target)));
  for (const box of document.querySelectorAll(".scroll")) {
    box.addEventListener("scroll", () => look(box), { passive: true });
    watch.observe(box);
  }

  const origin = document.getElementById("origin");
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-number-id]");
    if (target && target.tagName === "A") return;
    origin.hidden = !target || !target.dataset.numberId;
    origin.textContent = target ? target.dataset.numberId.split(" ").join("\n") : "";
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") origin.hidden = true; });
})();
