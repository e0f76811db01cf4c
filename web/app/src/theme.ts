const key = "spillway-theme";

/** applyTheme sets what was chosen before; without a choice the page is dark, as render farms are watched at night. */
export function applyTheme(): void {
  set(localStorage.getItem(key) === "light" ? "light" : "dark");
}

/** switchTheme changes between dark and light and remembers it. */
export function switchTheme(): void {
  const next = document.documentElement.dataset["theme"] === "light" ? "dark" : "light";
  localStorage.setItem(key, next);
  set(next);
}

function set(theme: "dark" | "light"): void {
  document.documentElement.dataset["theme"] = theme;
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", theme === "light" ? "#fbfcfd" : "#171c21");
}
