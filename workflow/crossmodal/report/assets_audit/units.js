// What is drawn as one thing: a job, or jobs of one rule that read from and write for the same jobs.
const unitsOf = (() => {
  const LEAST = 4;

  // Labels that all members share, and for each member those that set it apart.
  const labelled = (members) => {
    const common = members[0].labels.filter((label, i) => members.every((job) => job.labels[i] === label));
    const apart = members.map((job) => job.labels.filter((label, i) => members.some((other) => other.labels[i] !== label)));
    return [common, apart];
  };

  // Returns {units, parents}: units in the order of the chain, and the units above each.
  return (chain, parents, jobs) => {
    const children = new Map(chain.map((id) => [id, []]));
    for (const id of chain) for (const parent of parents.get(id)) children.get(parent).push(id);
    const sets = new Map();
    for (const id of chain) {
      const sides = [parents.get(id), children.get(id)].map((ids) => [...ids].sort((a, b) => a - b).join(" "));
      const key = JSON.stringify([jobs[id].rule, Object.keys(jobs[id].wildcards), ...sides]);
      sets.set(key, [...(sets.get(key) || []), id]);
    }
    const unitOf = new Map();
    for (const members of sets.values()) {
      if (members.length < LEAST) members.forEach((id) => unitOf.set(id, { members: [id] }));
      else {
        const [common, apart] = labelled(members.map((id) => jobs[id]));
        const unit = { members, common, apart };
        members.forEach((id) => unitOf.set(id, unit));
      }
    }
    // All members of a unit have the same parents and children, so the first one's place is after and before them.
    const units = [...new Set(chain.map((id) => unitOf.get(id)))];
    const above = new Map(units.map((unit) => [
      unit, [...new Set(parents.get(unit.members[0]).map((id) => unitOf.get(id)))],
    ]));
    return { units, parents: above };
  };
})();
