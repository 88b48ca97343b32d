/**
 * Tells when an element's size has changed.
 *
 * In the next frame, never while the browser is still telling sizes: whoever changes a size there
 * is told again in the same frame, and Chromium ends that with an error.
 */

export function followSize(element: Element, tell: (size: DOMRectReadOnly) => void): () => void {
  let frame = 0;
  const observer = new ResizeObserver(([entry]) => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => tell(entry!.contentRect));
  });
  observer.observe(element);
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
  };
}
