/** The page's state as React's, kept in the browser's address. */

import { useCallback, useEffect, useRef, useState } from "react";
import { format, isStep, parse, type Address } from "./address.ts";

export type Go = (patch: Partial<Address>) => void;

export function useAddress(): [Address, Go] {
  const [address, setAddress] = useState(() => parse(location.search));
  const current = useRef(address);

  useEffect(() => {
    const back = (): void => {
      current.current = parse(location.search);
      setAddress(current.current);
    };
    window.addEventListener("popstate", back);
    return () => window.removeEventListener("popstate", back);
  }, []);

  const go = useCallback<Go>((patch) => {
    const before = current.current;
    const after = { ...before, ...patch };
    const url = `${location.pathname}${format(after)}`;
    if (isStep(before, after)) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    current.current = after;
    setAddress(after);
  }, []);

  return [address, go];
}
