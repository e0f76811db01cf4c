/** keptLog bounds the log that a page holds, in characters; older text is cut at a line. */
export const keptLog = 256 * 1024;

/** appendLog adds text to the end of a log. A carriage return takes back its line, as a terminal shows it. */
export function appendLog(log: string, more: string): string {
  // Colours and cursor moves of terminals (ECMA-48 CSI).
  const plain = more.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
  const start = log.lastIndexOf("\n") + 1;
  const open = log.slice(start) + plain;
  let text = log.slice(0, start) + open.replaceAll("\r\n", "\n").replaceAll(/[^\n]*\r(?!$)/g, "");
  if (text.length > keptLog) {
    const from = text.length - keptLog;
    const line = text.indexOf("\n", from);
    text = text.slice(line < 0 ? from : line + 1);
  }
  return text;
}

/** toneOf picks out lines that say what went wrong. */
export function toneOf(line: string): "bad" | "warn" | "mark" | "" {
  if (/\b(error|fatal|exception|traceback|segfault|panic)\b/i.test(line)) return "bad";
  if (/\bwarn(ing)?\b/i.test(line)) return "warn";
  if (line.startsWith("Saved:") || line.startsWith("openjd_")) return "mark";
  return "";
}
