/** The tabs: named in the address (#animate), chosen by mouse or arrow keys, built when they are first opened. */

/**
 * @param {HTMLElement} list the element with role tablist
 * @param {(name: string) => void} opened called each time that a tab is opened
 */
export function startTabs(list, opened) {
  const tabs = () => [...list.querySelectorAll("[role=tab]")].filter((tab) => !tab.hidden);
  const nameOf = (tab) => tab.getAttribute("aria-controls");
  let current = null;
  const fromAddress = () => tabs().find((tab) => `#${nameOf(tab)}` === location.hash) ?? tabs()[0];

  function open(chosen) {
    current = chosen;
    for (const tab of list.querySelectorAll("[role=tab]")) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(nameOf(tab)).hidden = !isChosen;
    }
    opened(nameOf(chosen));
  }

  function choose(tab) {
    history.replaceState(null, "", `#${nameOf(tab)}`);
    open(tab);
  }

  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs().indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs().at(to % tabs().length);
    tab.focus();
    choose(tab);
  });
  function reconsider() {
    if (fromAddress() !== current) open(fromAddress());
  }
  window.addEventListener("hashchange", reconsider);
  reconsider();

  /** `reconsider` opens the tab of the address, if one that was hidden can be seen now. */
  return { reconsider };
}
