"use strict";
// Shows the maps of the chosen run and time. Without the script the page shows the first ones.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent).maps;
  const slider = document.getElementById("map-time");
  const shown = document.getElementById("map-time-shown");
  const choices = [...document.querySelectorAll("input[name=map-run]")];
  const panels = [...document.querySelectorAll("[data-kind]")];

  function show() {
    const run = choices.find((choice) => choice.checked).value;
    const time = Number(slider.value);
    shown.textContent = data.times[time];
    slider.setAttribute("aria-valuetext", data.times[time]);
    for (const panel of panels) {
      const kind = panel.dataset.kind;
      const found = data.images[run][kind]?.[time] ?? null;
      const image = panel.querySelector("img");
      image.hidden = found === null;
      panel.querySelector(".none").hidden = found !== null;
      if (found === null) continue;
      image.src = "data:image/png;base64," + data.pictures[found];
      image.alt = `${data.kinds[kind]} of ${run}, ${data.times[time]}`;
    }
  }

  slider.addEventListener("input", show);
  for (const choice of choices) choice.addEventListener("change", show);
  show();
})();
