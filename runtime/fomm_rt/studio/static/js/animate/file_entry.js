/** Files that are dropped on the page or pasted into it, and the step that gets them. */

/**
 * @param {{picture: {element: Element, take: (file: File) => void}, driver: {element: Element, take: (file: File) => void}}} steps
 * @param {() => boolean} isOpen true while the tab is shown
 */
export function startFileEntry(steps, isOpen) {
  const all = [steps.picture, steps.driver];
  const stepAt = (node) => all.find((step) => step.element.contains(node));
  const stepFor = (file) => (file.type.startsWith("image/") && file.type !== "image/gif" ? steps.picture : steps.driver);

  /** One file goes where it was put, several where their kinds belong. */
  function deliver(files, place) {
    if (files.length === 1) return (place ?? stepFor(files[0])).take(files[0]);
    const taken = new Set();
    for (const file of files) {
      const step = stepFor(file);
      if (!taken.has(step)) step.take(file);
      taken.add(step);
    }
    return undefined;
  }

  const hasFiles = (event) => isOpen() && [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (place) => {
    for (const step of all) step.element.classList.toggle("dropping", step === place);
    document.documentElement.classList.toggle("dragging", Boolean(place));
  };

  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // else the browser opens the file in place of the page
    event.dataTransfer.dropEffect = "copy";
    mark(stepAt(event.target));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(undefined);
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(undefined);
    deliver([...event.dataTransfer.files], stepAt(event.target));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!isOpen() || !files.length) return;
    event.preventDefault();
    deliver(files, stepAt(document.activeElement));
  });
}
