// A chain with the details of the job that is chosen in it, by pointer or by keyboard.
const chainOf = (audit) => {
  const { jobs, writer } = audit;
  const NAMED = 12;

  const stateOf = (file) => {
    if (file.found === undefined || file.found === file.md5) return "";
    return file.found === null ? "missing" : "tampered";
  };

  const nameOf = ({ members }) => (members.length === 1 ? jobs[members[0]].name : `${members.length} × ${jobs[members[0]].rule}`);

  // An arrow between two units, and in its title the files that pass, by the readers' manifests.
  const arrowOf = (giver, taker, end) => {
    const from = giver.members;
    if (taker === "end") return { from, to: ["end"], verdict: end.verdict, title: `${nameOf(giver)} computed it` };
    const read = taker.members.flatMap((id) => jobs[id].inputs || []);
    const passed = [...new Set(read.filter((file) => from.includes(writer.get(file.path))))];
    const names = passed.slice(0, NAMED).map((file) => (
      [file.path, `${file.md5.slice(0, 8)}…`, stateOf(file)].filter(Boolean).join("  ")));
    if (passed.length > NAMED) names.push(`and ${passed.length - NAMED} more`);
    return {
      from, to: taker.members, verdict: passed.map(stateOf).sort().at(-1) || "",
      title: [`${nameOf(giver)} → ${nameOf(taker)}`, ...names].join("\n"),
    };
  };

  // Returns the elements of a chain, and what draws it once they stand in the page: it needs their width.
  return (chain, parents, end, opened) => {
    const { units, parents: above } = unitsOf(chain, parents, jobs);
    if (end) above.set("end", [units.at(-1)]);
    const nodes = end ? [...units, "end"] : units;
    const inChain = new Set(chain);
    const panel = el("section", { id: "details", "aria-label": "details of the job", hidden: true });
    const hint = el("p", { class: "hint" }, "Choose a job to see its parameters, code, packages and files. ",
      "The arrow keys walk along the chain, Enter goes to the details and Escape back.");
    const stage = el("div", { class: "stage" });
    const holder = el("div", { class: "chain" }, stage, panel);
    let drawn = null;
    let current = null;
    const boxOf = (id) => stage.querySelector(`[data-job="${id}"]`);

    const mark = () => {
      for (const box of stage.querySelectorAll(".box")) {
        const chosen = box.dataset.job === String(current);
        box.classList.toggle("chosen", chosen);
        box.setAttribute("aria-expanded", chosen);
      }
      for (const arrow of stage.querySelectorAll(".arrow")) {
        arrow.classList.toggle("near", `${arrow.dataset.from} ${arrow.dataset.to}`.split(" ").includes(String(current)));
      }
      stage.classList.toggle("choosing", current !== null);
      panel.hidden = current === null;
      hint.hidden = current !== null;
    };
    const close = () => {
      boxOf(current).focus({ preventScroll: true });
      current = null; // after the focus, which opens
      mark();
    };
    const origin = (file) => {
      const from = writer.get(file.path);
      if (from === undefined) return null;
      const text = `from ${jobs[from].name}`;
      if (!inChain.has(from)) return el("a", { class: "origin", href: audit.jobAddress(jobs[from]) }, text);
      const button = el("button", { type: "button", class: "origin" }, text);
      button.addEventListener("click", () => boxOf(from).focus());
      return button;
    };
    const open = (id) => {
      if (current === id) return;
      current = id;
      const near = new Set(parents.get(id));
      const isNear = (file) => !writer.has(file.path) || near.has(writer.get(file.path));
      panel.replaceChildren(...details(jobs[id], { chip: audit.chip, address: id === opened ? null : audit.jobAddress, origin, close, isNear }));
      panel.scrollTop = 0;
      mark();
    };

    const draw = () => {
      drawn = drawing(nodes, above, jobs, (from, to) => arrowOf(from, to, end), end, holder.clientWidth);
      const focused = stage.contains(document.activeElement);
      stage.replaceChildren(drawn.svg);
      holder.classList.toggle("tall", Number(drawn.svg.getAttribute("height")) > 0.45 * innerHeight);
      stage.scrollLeft = drawn.across ? 0 : (stage.scrollWidth - stage.clientWidth) / 2;
      mark();
      if (focused && current !== null) boxOf(current).focus({ preventScroll: true });
    };

    // Two of the arrow keys go along the chain, to the nearest neighbour, the other two within a layer.
    const step = (id, key) => {
      const { byNode, rows } = drawn.graph;
      const pointOf = (job) => byNode.get(units.find((unit) => unit.members.includes(job)));
      const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
      const [back, forth, before, after] = drawn.across ? keys : [...keys.slice(2), ...keys.slice(0, 2)];
      const far = (other, key) => Math.abs(pointOf(other)[key] - pointOf(id)[key]);
      const nearest = (ids) => [...ids].sort((a, b) => far(a, "layer") - far(b, "layer") || far(a, "at") - far(b, "at"))[0];
      if (key === back) return nearest(parents.get(id));
      if (key === forth) return nearest(chain.filter((child) => parents.get(child).includes(id)));
      const row = rows[pointOf(id).layer].flatMap((point) => (point.node && point.node.members) || []);
      return row[row.indexOf(id) + (key === after) - (key === before)];
    };
    const chosenBy = (event) => {
      const box = event.target.closest(".box");
      return box ? Number(box.dataset.job) : null;
    };
    stage.addEventListener("focusin", (event) => { if (chosenBy(event) !== null) open(chosenBy(event)); });
    stage.addEventListener("click", (event) => {
      const id = chosenBy(event);
      if (id === null) return;
      boxOf(id).focus({ preventScroll: true });
      open(id);
    });
    holder.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && current !== null) close();
      const id = chosenBy(event);
      if (id === null) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        open(id);
        panel.querySelector("h2").focus();
      } else if (event.key.startsWith("Arrow")) {
        event.preventDefault();
        const next = step(id, event.key);
        if (next !== undefined) boxOf(next).focus();
      }
    });
    const start = () => { draw(); if (opened !== undefined) open(opened); };
    const choose = (id) => boxOf(id).focus(); // which opens it
    return { elements: [hint, holder], start, draw, choose };
  };
};
