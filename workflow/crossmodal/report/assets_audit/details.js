// What is known of one job, as elements. Text is only ever set as text.
const el = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter(Boolean));
  return node;
};

const details = (() => {
  const isMapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const isEmpty = (value) => isMapping(value) && !Object.keys(value).length;

  // A mapping as the lines of a YAML file.
  const lines = (value, indent = "") => Object.entries(value).flatMap(([key, item]) => (
    isMapping(item) && !isEmpty(item) ? [`${indent}${key}:`, ...lines(item, `${indent}  `)]
      : [`${indent}${key}: ${typeof item === "string" ? item : JSON.stringify(item)}`]
  ));

  const pairs = (entries) => el("dl", { class: "pairs" }, entries.filter(([, value]) => value !== null && value !== "")
    .flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)]));

  const block = (title, ...content) => el("section", { class: "block" }, el("h3", {}, title), ...content);

  const folded = (summary, content, open = false) => el("details", { open }, el("summary", {}, summary), content);

  const digest = (file) => {
    const recorded = el("code", {}, file.md5);
    if (file.found === file.md5) return [recorded, el("span", { class: "state verified" }, "✓ found the same")];
    if (file.found === undefined) return [recorded, el("span", { class: "state" }, "not looked at")];
    if (file.found === null) return [recorded, el("span", { class: "state missing" }, "∅ not here")];
    return [recorded, el("span", { class: "state tampered" }, "✗ found "), el("code", { class: "tampered" }, file.found)];
  };

  const table = (files, jobOf) => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "files" },
    el("table", { class: "files" },
      el("thead", {}, el("tr", {}, ["file", "size", "md5 recorded and found"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, files.map((file) => el("tr", {},
        el("td", { class: "path" }, file.path, jobOf && jobOf(file)),
        el("td", { class: "size" }, file.size),
        el("td", { class: "digest" }, digest(file)))))));

  // Inputs from the chain come first; a job that sums up reads many files that other numbers come from.
  const inputs = (job, context) => {
    const near = job.inputs.filter((file) => context.isNear(file));
    const far = job.inputs.filter((file) => !context.isNear(file));
    if (!near.length) return table(job.inputs, context.origin);
    return [table(near, context.origin), far.length
      ? folded(`${far.length} further inputs, of other numbers`, table(far, context.origin)) : null];
  };

  // `context` holds chip(verdict), address(job) or null for no link, origin(file) -> element or null, isNear(file), close().
  return (job, context) => {
    const heading = el("h2", { tabindex: -1 }, job.rule);
    const top = el("header", {}, context.chip(job.verdict), heading,
      el("button", { type: "button", class: "close", "aria-label": "close the details" }, "×"));
    top.querySelector("button").addEventListener("click", context.close);
    const panel = [top];
    const wildcards = Object.entries(job.wildcards).map(([key, value]) => el("span", {},
      el("span", { class: "key" }, key), " ", el("code", {}, value)));
    const more = context.address && el("a", { href: context.address(job) }, "all numbers that rest on it");
    panel.push(el("p", { class: "wildcards" }, wildcards, more));
    if (job.findings.length) {
      panel.push(el("ul", { class: "findings" }, job.findings.map(([verdict, text]) => el("li", { class: verdict }, text))));
    }
    if (!job.outputs) {
      panel.push(el("p", { class: "empty" }, "No manifest records this job, so nothing more is known of it."),
        pairs([["manifest", el("code", {}, job.manifest)]]));
      return panel;
    }
    const code = job.code;
    const commit = [el("code", {}, job.commit), job.dirty ? " with changes that were not committed" : ""];
    panel.push(
      el("div", { class: "blocks" },
        block("Run", pairs([
          ["started", el("time", { datetime: job.started, title: job.started }, job.moment)], ["took", job.duration],
          ["memory", job.memory ? `${job.memory} at most` : null],
          ["seed", String(job.seed)], ["threads", String(job.threads)], ["device", job.device],
          ["platform", job.platform || null], ["commit", job.commit ? el("span", {}, commit) : "not in a repository"],
          ["manifest", el("code", {}, job.manifest)],
        ])),
        block("Parameters", isEmpty(job.parameters) ? el("p", { class: "empty" }, "It has none of its own.")
          : el("pre", { tabindex: 0 }, lines(job.parameters).join("\n"))),
        block("Code and packages", pairs([["digest", el("code", {}, code.digest)]]),
          folded(`${Object.keys(code.modules).length} modules`, pairs(Object.entries(code.modules)
            .map(([name, value]) => [name.replace(/^crossmodal\./, ""), el("code", {}, value)]))),
          pairs(Object.entries(job.environment)))),
      block(`Inputs (${job.inputs.length})`, job.inputs.length ? inputs(job, context)
        : el("p", { class: "empty" }, "It reads no file: a source.")),
      block(`Outputs (${job.outputs.length})`, table(job.outputs)),
    );
    return panel;
  };
})();
