// The searchable list of numbers and the list of all jobs.
const listsOf = (audit) => {
  const PAGE = 100;
  const { verdicts, signs, jobs } = audit;

  const sign = (verdict) => el("td", { class: `state ${verdict}` },
    el("span", { title: verdict, role: "img", "aria-label": verdict }, signs[verdict]));

  // A list with a search field; `rows` are numbers, the first PAGE matches are shown and more on request.
  const numberList = (rows) => {
    const field = el("input", {
      type: "search", placeholder: "words of an id, such as lora recall@1", "aria-label": "search numbers",
      spellcheck: "false", autocomplete: "off",
    });
    const occurring = verdicts.filter((verdict) => rows.some((number) => number.verdict === verdict));
    const chosen = new Set();
    const buttons = occurring.length > 1 ? occurring.map((verdict) => {
      const count = rows.filter((number) => number.verdict === verdict).length;
      const button = el("button", { type: "button", class: `chip ${verdict}`, "aria-pressed": "false" },
        `${signs[verdict]} ${verdict} ${count.toLocaleString("en")}`);
      button.addEventListener("click", () => {
        if (!chosen.delete(verdict)) chosen.add(verdict);
        button.setAttribute("aria-pressed", chosen.has(verdict));
        show();
      });
      return button;
    }) : [];
    const count = el("output", { class: "found-count" });
    const body = el("tbody");
    const more = el("button", { type: "button", class: "more" });
    let matches = [];
    let shown = 0;
    const extend = () => {
      for (const number of matches.slice(shown, shown + PAGE)) {
        body.append(el("tr", {},
          sign(number.verdict),
          el("th", { scope: "row" }, el("a", { href: audit.address(number.id) }, audit.broken(number.id))),
          el("td", { class: "value" }, number.text), el("td", { class: "interval" }, number.interval)));
      }
      shown = Math.min(shown + PAGE, matches.length);
      more.hidden = shown === matches.length;
      more.textContent = `show ${Math.min(PAGE, matches.length - shown)} more`;
    };
    const show = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      matches = rows.filter((number) => (!chosen.size || chosen.has(number.verdict))
        && words.every((word) => number.id.toLowerCase().includes(word)));
      count.textContent = matches.length === rows.length ? audit.plural(rows.length, "number")
        : `${matches.length.toLocaleString("en")} of ${audit.plural(rows.length, "number")}`;
      body.replaceChildren();
      shown = 0;
      extend();
    };
    field.addEventListener("input", show);
    more.addEventListener("click", extend);
    show();
    return el("div", { class: "list" }, el("div", { class: "search" }, field, buttons, count),
      el("table", { class: "rows" }, body), more);
  };

  const jobList = () => el("details", { class: "all-jobs" }, el("summary", {}, `All ${audit.plural(jobs.length, "job")}, sources first`),
    el("table", { class: "rows" }, el("tbody", {}, jobs.map((job) => el("tr", {},
      sign(job.verdict),
      el("th", { scope: "row" }, el("a", { href: audit.jobAddress(job) }, job.name)),
      el("td", { class: "value" }, job.duration))))));

  return { numberList, jobList };
};
