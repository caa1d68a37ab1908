// The page: which number or job the address names, its chain, and the searchable list of numbers.
(() => {
  const data = JSON.parse(document.getElementById("audit").textContent);
  const verdicts = data.verdicts.map(([name]) => name);
  const signs = Object.fromEntries(data.verdicts);
  const overview = document.getElementById("overview");
  const subject = document.getElementById("subject");

  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
  const chip = (verdict) => el("span", { class: `chip ${verdict}` },
    el("span", { "aria-hidden": "true" }, signs[verdict]), ` ${verdict}`);

  const files = data.files.map(([path, md5, size, found]) => ({ path, md5, size, found }));
  const jobs = data.jobs.map((row) => {
    const entries = Object.entries(row.wildcards);
    const job = {
      ...row,
      verdict: verdicts[row.verdict],
      sign: signs[verdicts[row.verdict]],
      findings: row.findings.map(([verdict, text]) => [verdicts[verdict], text]),
      labels: entries.map(([key, value]) => (key === "seed" ? `s${value}` : value)),
    };
    if (row.outputs) {
      job.code = { digest: row.code[0], modules: Object.fromEntries(data.shared[row.code[1]]) };
      job.environment = Object.fromEntries(data.shared[row.environment]);
      job.inputs = row.inputs.map((file) => files[file]);
      job.outputs = row.outputs.map((file) => files[file]);
    }
    return job;
  });
  const writer = new Map(jobs.flatMap((job, i) => (job.outputs || []).map((file) => [file.path, i])));
  const numbers = data.numbers.map(([group, metric, text, interval, value, low, high, n, unit, verdict, chain]) => ({
    id: data.groups[group] + data.metrics[metric], text, interval, value, low, high, n,
    unit: data.units[unit], verdict: verdicts[verdict], chain: data.chains[chain],
  }));
  const byId = new Map(numbers.map((number) => [number.id, number]));
  const byName = new Map(jobs.map((job, i) => [job.name, i]));
  const address = (id) => `#${encodeURIComponent(id).replace(/%2F/g, "/").replace(/%40/g, "@")}`;
  const jobAddress = (job) => `#job:${encodeURIComponent(job.name)}`;

  // An id that breaks after its slashes.
  const broken = (id) => id.split("/").flatMap((part, i) => (i ? ["/", el("wbr"), part] : [part]));
  const audit = { jobs, writer, verdicts, signs, chip, plural, broken, address, jobAddress };
  const { numberList, jobList } = listsOf(audit);
  const chainView = chainOf(audit);
  let view = null;

  const ancestors = (start) => {
    const found = new Set();
    const visit = (i) => { if (!found.has(i)) { jobs[i].parents.forEach(visit); found.add(i); } };
    visit(start);
    return [...found];
  };

  const reasons = (chain) => {
    const bad = chain.filter((i) => jobs[i].verdict !== "verified")
      .sort((a, b) => verdicts.indexOf(jobs[b].verdict) - verdicts.indexOf(jobs[a].verdict));
    if (!bad.length) return "";
    return el("ul", { class: "problems" }, bad.map((i) => {
      const job = jobs[i];
      const link = el("a", { href: jobAddress(job) }, job.name);
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        view.choose(i);
      });
      return el("li", { class: job.verdict }, chip(job.verdict), " ", link,
        el("ul", {}, job.findings.map(([, text]) => el("li", {}, text))));
    }));
  };

  const command = (id) => `crossmodal audit '${id.replaceAll("'", "'\\''")}' --study ${data.study}`;

  const showNumber = (number) => {
    const [chain, sources, table, computed] = number.chain;
    const inChain = new Set(chain);
    const parents = new Map(chain.map((i) => [i, jobs[i].parents.filter((parent) => inChain.has(parent))]));
    // The job that computes it reads what many numbers come from, this one comes from its sources; another joins all.
    if (computed !== table) parents.set(table, [computed]);
    if (sources.length) parents.set(computed, sources);
    const exact = number.value === null ? "" : String(number.value);
    const bounds = number.low === null || number.high === null ? "" : ` [${number.low}, ${number.high}]`;
    const end = { text: number.text, label: number.id.split("/").at(-1), verdict: number.verdict, title: number.id };
    view = chainView(chain, parents, end);
    subject.append(
      el("header", { class: "head" }, el("p", { class: "kicker" }, "Audit of a number"),
        el("h1", { class: "id", tabindex: -1 }, broken(number.id)),
        el("p", { class: "stated" }, el("span", { class: "value" }, number.text), el("span", { class: "interval" }, number.interval), chip(number.verdict)),
        el("p", { class: "meta" }, exact && el("span", {}, "exactly ", el("code", {}, exact + bounds), ` ${number.unit}`),
          number.n && el("span", {}, plural(number.n, "query").replace("querys", "queries")),
          el("span", {}, plural(chain.length, "job")), el("span", {}, "in a terminal: ", el("code", { class: "command" }, command(number.id))))),
      reasons(chain),
      ...view.elements,
    );
    return number.id;
  };

  const showJob = (id) => {
    const chain = ancestors(id);
    const resting = numbers.filter((number) => number.chain[0].includes(id));
    view = chainView(chain, new Map(chain.map((i) => [i, jobs[i].parents])), null, id);
    subject.append(
      el("header", { class: "head" }, el("p", { class: "kicker" }, "Audit of a job"),
        el("h1", { class: "id", tabindex: -1 }, jobs[id].name),
        el("p", { class: "stated" }, chip(jobs[id].verdict)),
        el("p", { class: "meta" }, el("span", {}, `${plural(chain.length - 1, "job")} above it`), el("span", {}, `${plural(resting.length, "number")} on it`))),
      ...view.elements,
    );
    if (resting.length) subject.append(el("section", {}, el("h2", {}, "Numbers that rest on it"), numberList(resting)));
    return jobs[id].name;
  };

  const showUnknown = (id) => {
    subject.append(el("header", { class: "head" }, el("p", { class: "kicker" }, "Not in this audit"), el("h1", { class: "id", tabindex: -1 }, id),
      el("p", { class: "notice" }, "This page holds no number of that id: it may have been written for other numbers or before that one. ",
        "Write it anew: ", el("code", {}, `crossmodal audit --all --study ${data.study} --html PAGE`))));
    return id;
  };

  const route = (first) => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* a fragment that is not quoted names itself */ }
    view = null;
    subject.replaceChildren();
    overview.hidden = id !== "";
    subject.hidden = id === "";
    const name = id === "" ? "" : byId.has(id) ? showNumber(byId.get(id))
      : id.startsWith("job:") && byName.has(id.slice(4)) ? showJob(byName.get(id.slice(4))) : showUnknown(id);
    document.title = name ? `${name} – ${data.study}: audit` : `${data.study}: audit`;
    if (view) view.start();
    if (first) return;
    scrollTo(0, 0);
    (name ? subject : overview).querySelector("h1").focus({ preventScroll: true });
  };

  for (const [id, content] of [["all-numbers", () => numberList(numbers)], ["all-jobs", jobList]]) {
    const section = document.getElementById(id);
    section.append(content());
    section.hidden = id === "all-numbers" && !numbers.length;
  }
  let pending = 0;
  addEventListener("resize", () => {
    clearTimeout(pending);
    pending = setTimeout(() => { if (view) view.draw(); }, 150);
  });
  addEventListener("hashchange", () => route(false));
  route(true);
})();
