// The board works without this file. It adds two things: whether the page is live, and the review desk's keys.
(() => {
  "use strict";

  const STALE_AFTER = 5000;
  const root = document.documentElement;

  const liveness = () => {
    const mark = document.getElementById("live");
    if (!mark) return;
    const label = mark.querySelector(".live-words");
    let heard = performance.now();
    let last = new Date();

    const say = (state, words) => {
      if (root.dataset.live === state) return;
      root.dataset.live = state;
      label.textContent = words;
    };
    const hear = () => {
      heard = performance.now();
      last = new Date();
      say("on", "Live");
    };
    const check = () => {
      // What is stale here may be right all the same: the words say since when nothing was heard.
      if (!document.hidden && performance.now() - heard > STALE_AFTER) {
        say("stale", `Not live since ${last.toTimeString().slice(0, 8)}`);
      }
    };
    say("wait", "Connecting");
    document.addEventListener("htmx:before:sse:message", hear);
    document.addEventListener("visibilitychange", () => { heard = performance.now(); });
    setInterval(check, 500);
  };

  const desk = () => {
    const room = document.getElementById("r-desk");
    if (!room) return;
    let place = null;

    const cases = () => [...room.querySelectorAll(".case")];
    const current = () => document.activeElement?.closest?.(".case") ?? null;
    const go = (index) => {
      const all = cases();
      if (!all.length) return;
      place = Math.max(0, Math.min(index, all.length - 1));
      all[place].focus({ preventScroll: true });
      all[place].scrollIntoView({ block: "nearest" });
    };
    const step = (by) => {
      const at = cases().indexOf(current());
      go(at < 0 ? place ?? 0 : at + by);
    };
    const write = (here, act) => {
      const drawer = here.querySelector(`details[data-act="${act}"]`);
      if (!drawer) return;
      drawer.open = true;
      drawer.querySelector("textarea").focus();
    };
    const close = (field) => {
      const here = field.closest(".case");
      const drawer = field.closest("details");
      if (drawer) drawer.open = false;
      here?.focus();
    };
    const keys = {
      j: () => step(1),
      k: () => step(-1),
      a: (here) => here?.querySelector('form[data-act="approve"]')?.requestSubmit(),
      e: (here) => here && write(here, "edit"),
      r: (here) => here && write(here, "reject"),
    };

    document.addEventListener("keydown", (event) => {
      const typing = event.target.matches?.("input, textarea, select");
      if (typing && event.key === "Escape") return close(event.target);
      if (typing && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        return event.target.form?.requestSubmit();
      }
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      const here = current();
      if (here?.getAttribute("aria-busy") === "true") return;
      event.preventDefault();
      if (!here && event.key !== "j" && event.key !== "k") return step(0);
      keys[event.key](here);
    });

    // Once a decision is on its way, the next case is at hand; one that was refused comes back.
    document.addEventListener("htmx:before:request", (event) => {
      const here = event.target.closest?.(".case");
      if (!here || !room.contains(here)) return;
      here.setAttribute("aria-busy", "true");
      const at = cases().indexOf(here);
      if (cases().length > 1) go(at + 1 < cases().length ? at + 1 : at - 1);
    });
    document.addEventListener("htmx:finally:request", (event) => {
      event.target.closest?.(".case")?.removeAttribute("aria-busy");
    });
    document.addEventListener("htmx:after:swap", () => {
      if (place !== null && document.activeElement === document.body) go(place);
    });
  };

  const start = () => { liveness(); desk(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
