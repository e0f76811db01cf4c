import { useEffect, useRef } from "react";

const keys: readonly (readonly [string, string])[] = [
  ["j  k", "next and previous job"],
  ["←  →", "previous and next frame of the picked one"],
  ["Esc", "close what is open"],
  ["t", "dark or light"],
  ["?", "these keys"],
];

/** Help is the overlay of keys. */
export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="help" onClose={onClose} onClick={(e) => e.target === dialog.current && onClose()}>
      <h2>Keys</h2>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split("  ").map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="faint">Every view has its own address: copy it to show somebody what you see.</p>
    </dialog>
  );
}
