import { useCallback, useEffect, useState } from "react";

import { Refusal } from "./api/client";
import { useJob, useJobs, useSummary } from "./api/queries";
import { useKeys } from "./keys";
import { ClockProvider } from "./live/clock";
import { LiveProvider } from "./live/live";
import { Burst } from "./panels/burst";
import { Feed } from "./panels/feed";
import { Header } from "./panels/header";
import { Help } from "./panels/help";
import { JobPanel } from "./panels/job";
import { Jobs } from "./panels/jobs";
import { Nodes } from "./panels/nodes";
import { Command, Panel } from "./panels/panel";
import { Pictures } from "./panels/picture";
import { SignIn } from "./panels/signin";
import { switchTheme } from "./theme";
import { useView } from "./view";

/** App shows the farm to those who may see it. */
export function App() {
  const summary = useSummary();
  if (summary.error instanceof Refusal && summary.error.status === 401) {
    return <SignIn onDone={() => void summary.refetch()} />;
  }
  if (!summary.data) {
    return (
      <main className="door">
        <p className="faint" role="status">
          {summary.error ? `${summary.error.message} – trying again` : ""}
        </p>
      </main>
    );
  }
  return (
    <ClockProvider>
      <LiveProvider>
        <Farm />
      </LiveProvider>
    </ClockProvider>
  );
}

const tabs = ["job", "jobs", "farm", "events"] as const;

/** Farm is the one page. On a narrow screen its columns become tabs. */
function Farm() {
  const jobs = useJobs().data;
  const currency = useSummary().data?.currency;
  const [view, setView] = useView();
  const [help, setHelp] = useState(false);
  const [tab, setTab] = useState<(typeof tabs)[number]>("job");
  const id = view.job ?? jobs?.[0]?.id;
  const select = useCallback(
    (job: string) => {
      setView({ job, step: undefined, unit: undefined });
      setTab("job");
    },
    [setView],
  );
  const pick = useCallback(
    (job: string, step: number, unit: number) => {
      setView({ job, step, unit });
      setTab("job");
    },
    [setView],
  );
  const move = (by: number) => {
    const at = jobs?.findIndex((j) => j.id === id) ?? -1;
    const next = jobs?.[at + by];
    if (next) select(next.id);
  };
  const units = jobs?.find((j) => j.id === id)?.steps[view.step ?? 0]?.units ?? 0;
  const turn = (by: number) => {
    if (view.unit !== undefined) setView({ unit: Math.min(Math.max(0, view.unit + by), units - 1) });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowLeft: () => turn(-1),
    ArrowRight: () => turn(1),
    Escape: () => (help ? setHelp(false) : setView({ step: undefined, unit: undefined })),
    "?": () => setHelp(!help),
    t: switchTheme,
  });
  return (
    <div className="farm" data-tab={tab}>
      <Header onHelp={() => setHelp(true)} onTheme={switchTheme} />
      <nav className="column left">{jobs && <Jobs jobs={jobs} selected={id} onSelect={select} />}</nav>
      <main className="column middle">{id ? <JobPanel key={id} id={id} view={{ ...view, job: id }} setView={(v) => setView({ job: id, ...v })} /> : jobs && <NoJobs />}</main>
      <aside className="column right">
        <Side id={id} currency={currency} pick={pick} />
      </aside>
      <div className="bottom" role="tablist" aria-label="Parts of the page">
        {tabs.map((t) => (
          <button key={t} type="button" role="tab" aria-selected={t === tab} onClick={() => setTab(t)}>
            {t[0]?.toUpperCase()}
            {t.slice(1)}
          </button>
        ))}
      </div>
      {help && <Help onClose={() => setHelp(false)} />}
      <Title id={id} />
    </div>
  );
}

function Side({ id, currency, pick }: { id: string | undefined; currency: string | undefined; pick: (job: string, step: number, unit: number) => void }) {
  const job = useJob(id ?? "", id !== undefined).data;
  return (
    <>
      {job && <Pictures key={job.id} job={job} onPick={(step, unit) => pick(job.id, step, unit)} />}
      <Nodes onPick={pick} />
      <Burst job={job} currency={currency} />
      <Feed onPick={pick} />
    </>
  );
}

/** NoJobs teaches the next command. */
function NoJobs() {
  return (
    <Panel title="Nothing to render yet">
      <div className="empty">
        <p>The farm is ready. Submit a job bundle, a folder with a template.yaml and a spillway.yaml:</p>
        <Command text="spillway job submit path/to/bundle --follow" />
        <p>or watch a whole hybrid farm render a shot on this machine:</p>
        <Command text="spillway demo" />
      </div>
    </Panel>
  );
}

/** Title keeps the browser's tab telling how the job is. */
function Title({ id }: { id: string | undefined }) {
  const job = useJob(id ?? "", id !== undefined).data;
  const done = job?.steps.reduce((n, s) => n + s.counts.succeeded, 0) ?? 0;
  const all = job?.steps.reduce((n, s) => n + s.units, 0) ?? 0;
  const name = job?.name;
  useEffect(() => {
    document.title = name ? `${done}/${all} ${name} – Spillway` : "Spillway";
  }, [name, done, all]);
  return null;
}
