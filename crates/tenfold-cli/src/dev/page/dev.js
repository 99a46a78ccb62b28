// Loads the page again once the command has something else to show.
const shown = document.documentElement.dataset.state;
const states = new EventSource("/_tenfold/dev/events");
states.addEventListener("state", (event) => {
  const state = JSON.parse(event.data);
  const title = document.getElementById("state");
  if (String(state.number) === shown) return;
  if (state.working) title.textContent = `${state.working} …`;
  else location.reload();
});
