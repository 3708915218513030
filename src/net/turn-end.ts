/** @returns to be called whenever there is something to do at the end of this turn of the event loop: `run` is, once */
export function atTurnEnd(run: () => void): () => void {
  let waiting = false;
  const end = (): void => {
    waiting = false;
    run();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    setImmediate(end);
  };
}
