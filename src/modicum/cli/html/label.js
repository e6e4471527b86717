// One call at a time: what the server sends is put into the page as text, never as markup.
"use strict";

const $ = (name) => document.getElementById(name);
const SAID = { a: "answer 1 is right", b: "answer 2 is right", both: "both are right", neither: "neither is right" };
const SHORT = 60;
let secret = "", current = null, labels = [], busy = false, left = false;

async function ask(path, body) {
  const reply = await fetch(path, {
    method: "POST", cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
    headers: { "content-type": "application/json", "x-modicum-label": secret }, body: JSON.stringify(body || {}),
  });
  const told = await reply.json();
  if (!reply.ok) throw new Error(told.error.message);
  return told;
}

async function act(path, body, heard) {
  if (busy || left) return;
  busy = true;
  try {
    const told = await ask(path, body);
    $("trouble").hidden = true;
    show(told, heard);
  } catch (error) {
    trouble(error instanceof TypeError ? "The program behind this page has ended. What you said is kept: start it again to go on." : error.message);
  } finally {
    busy = false;
  }
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = false;
}

function show(told, heard) {
  const { standing, question } = told;
  if (told.workload) {
    labels = told.labels;
    $("name").textContent = told.workload;
    $("eyebrow").textContent = `Blind labelling, attempt ${told.attempt}, by ${told.by}`;
    document.title = `Label ${told.workload}`;
    $("labels").hidden = !labels.length;
    $("prompt").hidden = !told.prompt;
    $("prompt-text").textContent = told.prompt;
    $("answers-title").textContent = told.texts ? "Which answer is better?" : "Which answer is right?";
  }
  $("bar").max = standing.wanted;
  $("bar").value = standing.settled;
  $("progress").textContent = told.progress;
  $("heard").textContent = heard ? `${heard}. ${told.progress}.` : "";
  current = question;
  for (const name of ["ask", "actions"]) $(name).hidden = !question;
  $("end").hidden = Boolean(question);
  if (question) showQuestion(question);
  else showEnd(told);
}

function showQuestion(question) {
  const slots = question.slots.map(([name, value]) => {
    const term = document.createElement("dt"), held = document.createElement("dd"), text = document.createElement("pre");
    term.textContent = name;
    text.textContent = value;
    text.dir = "auto";
    text.tabIndex = 0;
    text.setAttribute("role", "region");
    text.setAttribute("aria-label", `The request's ${name}`);
    text.classList.toggle("code", /^[[{]/.test(value));
    held.append(text);
    return [term, held];
  });
  $("slots").replaceChildren(...slots.flat());
  for (const side of ["a", "b"]) {
    const pieces = question[side], whole = pieces.map(([text]) => text).join(""), box = $(side);
    box.replaceChildren(...pieces.map(([text, differs]) => {
      if (!differs) return document.createTextNode(text);
      const mark = document.createElement("mark");
      mark.textContent = text;
      return mark;
    }));
    box.classList.toggle("short", whole.length <= SHORT && !whole.includes("\n"));
    box.classList.toggle("code", /^[[{]/.test(whole));
    box.scrollTop = 0;
    box.parentElement.classList.toggle("said", question.said === side);
  }
  $("filter").value = "";
  showLabels();
  scrollTo(0, 0);
}

function matching() {
  const wanted = $("filter").value.trim().toLowerCase();
  const exact = labels.filter((label) => label.toLowerCase() === wanted);
  return exact.length ? exact : labels.filter((label) => label.toLowerCase().includes(wanted));
}

function showLabels() {
  $("choices").replaceChildren(...matching().map((label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.dir = "auto";
    button.addEventListener("click", () => sayGold(label));
    return button;
  }));
}

function showEnd(told) {
  const { standing } = told;
  $("end-title").textContent = told.end.title;
  $("end-said").textContent = told.end.said;
  $("end-command").textContent = told.end.command;
  $("end-command").hidden = !told.end.command;
  $("enough").hidden = !told.end.may_close;
  $("resume").hidden = !standing.left;
  const rows = [...told.end.people];
  $("people").replaceChildren(...rows.map((text) => Object.assign(document.createElement("p"), { textContent: text, className: "note" })));
  $("end-title").focus();
}

const say = (verdict) => current && act("say", { id: current.id, verdict }, SAID[verdict]);
const sayGold = (gold) => current && act("say", { id: current.id, gold }, `${gold} is right`);
const skip = () => current && act("skip", { id: current.id }, "skipped");
const undo = () => act("undo", {}, "taken back");
const stop = () => act("stop", {});

async function finish() {
  try { await ask("leave"); } catch { /* it has ended already */ }
  left = true;
  for (const name of ["resume", "enough", "finish"]) $(name).hidden = true;
  $("end-said").textContent = "Everything is kept. You can close this page.";
}

const KEYS = { 1: () => say("a"), 2: () => say("b"), b: () => say("both"), n: () => say("neither"), s: skip, u: undo, q: stop, l: () => $("filter").focus() };

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target === $("filter")) {
    if (event.key === "Escape") $("filter").blur();
    if (event.key === "Enter") {
      const found = matching();
      if (found.length === 1) { $("filter").blur(); sayGold(found[0]); }
    }
    return;
  }
  const does = KEYS[event.key.toLowerCase()];
  if (!does || (event.key.toLowerCase() === "l" && !labels.length)) return;
  event.preventDefault();
  does();
});
$("filter").addEventListener("input", showLabels);
for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => say(button.dataset.verdict));
$("skip").addEventListener("click", skip);
$("undo").addEventListener("click", undo);
$("stop").addEventListener("click", stop);
$("enough").addEventListener("click", () => act("enough", {}, "enough"));
$("resume").addEventListener("click", () => act("begin", {}));
$("finish").addEventListener("click", finish);

(async () => {
  const ticket = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  try {
    if (ticket) sessionStorage.setItem("secret", (await ask("enter", { ticket })).secret);
    secret = sessionStorage.getItem("secret") || "";
    if (!secret) throw new Error("Open the address that `modicum label` printed: it works once.");
    show(await ask("begin"));
  } catch (error) {
    trouble(error instanceof TypeError ? "The program behind this page has ended. Start it again to go on." : error.message);
  }
})();
