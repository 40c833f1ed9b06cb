/** A button that copies a text, and says whether it did. */

import { useState } from "react";

export function Copy({ label, text }: { label: string; text: () => string }) {
  const [done, setDone] = useState("");
  const copy = (): void => {
    navigator.clipboard?.writeText(text()).then(
      () => setDone("Copied"),
      () => setDone("Not copied"),
    ) ?? setDone("Not copied");
    window.setTimeout(() => setDone(""), 1500);
  };
  return (
    <button type="button" className="copy" onClick={copy} aria-live="polite">
      {done || label}
    </button>
  );
}
