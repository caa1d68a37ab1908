"use strict";
// A picture as a query: chosen, dropped or pasted, sent to the JSON endpoint. Text needs no script.
const form = document.querySelector("form");
const upload = form.querySelector(".upload"), file = upload.querySelector("input");
const heading = document.querySelector("h1"), problem = document.querySelector(".problem");
const cards = document.querySelector(".cards"), shown = document.querySelector(".query");
const blank = document.getElementById("card").content.firstElementChild;

function draw(hit, best) {
  const card = blank.cloneNode(true), set = (name, text) => { card.querySelector(name).textContent = text; };
  set(".rank", hit.rank);
  set(".name", hit.name);
  set(".score", hit.score.toFixed(3));
  set(".caption", hit.caption ?? "");
  card.querySelector(".share").setAttribute("width", best > 0 ? Math.max(0, 100 * hit.score / best) : 0);
  const link = card.querySelector(".picture"), image = link.querySelector("img");
  link.href = `/?like=${hit.row}`;
  link.title = "More like this";
  image.alt = hit.caption ?? hit.name;
  image.addEventListener("error", () => {
    const nothing = document.createElement("span");
    nothing.className = "nothing";
    nothing.textContent = "no picture";
    image.replaceWith(nothing);
  });
  image.src = hit.picture;
  return card;
}

function fail(message) {
  problem.textContent = message;
  problem.hidden = false;
}

async function ask(picture) {
  if (!picture) return;
  problem.hidden = true;
  if (picture.size > Number(form.dataset.largest)) {
    fail(`That file has ${picture.size.toLocaleString("en")} bytes; at most ${Number(form.dataset.largest).toLocaleString("en")} are taken.`);
    return;
  }
  document.body.classList.add("busy");
  heading.textContent = "Searching by picture …";
  try {
    const top = form.querySelector("[name=top]")?.value ?? "";
    const answer = await fetch(`/search${top && `?top=${top}`}`, { method: "POST", body: picture });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    cards.replaceChildren(...found.hits.map((hit) => draw(hit, found.hits[0].score)));
    heading.textContent = `The ${found.hits.length} pictures most like this one`;
    document.title = "a picture · crossmodal";
    form.querySelector("[type=search]").value = "";
    URL.revokeObjectURL(shown.src);
    shown.src = URL.createObjectURL(picture);
    shown.hidden = false;
  } catch (error) {
    heading.textContent = "No answer";
    fail(error.message);
  } finally {
    document.body.classList.remove("busy");
    file.value = "";
  }
}

upload.hidden = false;
file.addEventListener("change", () => ask(file.files[0]));
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  ask(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => ask(event.clipboardData.files[0]));
