import * as client from "../api/client";
import { spoken, text } from "../city/texts";
import { type App, onView } from "./app";
import { button, el } from "./dom";
import { complain, tell } from "./toast";

const MINUTE_MS = 60_000;
const DAY_MIN = 1_440;
const WEEK_MIN = 7 * DAY_MIN;
const SPEEDS = [1, 60, 600];
const SAID_EVERY_MS = 1_000;
const TYPED_MS = 600;

/** The bar of time: a moment of the past is chosen, played, and left again. */
export function mountTime(app: App): HTMLElement {
  return new TimeBar(app).node;
}

class TimeBar {
  readonly node: HTMLElement;
  private readonly said = el("strong", { testid: "time-said", attrs: { role: "status" } });
  private readonly note = el("span", { class: "warn", text: () => text("timeEmpty") });
  private readonly input = el("input", {
    testid: "time-input",
    title: () => text("timeChoose"),
    attrs: { type: "datetime-local", step: "1" },
    on: { change: () => this.typing() },
  });
  private readonly span = choice("time-span", () => text("timeSpan"), [
    [String(DAY_MIN), () => text("timeDay")],
    [String(WEEK_MIN), () => text("timeWeek")],
  ]);
  private readonly slider = el("input", {
    testid: "time-slider",
    title: () => text("timeSlide"),
    attrs: { type: "range", min: "0", step: "1" },
    on: { input: () => this.sliding(), change: () => this.slid() },
  });
  private readonly play = button({
    class: "icon",
    testid: "time-play",
    on: { click: () => this.app.live.play(this.app.live.speed.value ? 0 : this.chosenSpeed) },
  });
  private readonly speed = choice(
    "time-speed",
    () => text("timeSpeed"),
    SPEEDS.map((speed) => [String(speed), () => `${speed}×`]),
  );
  private readonly back = button({
    class: "primary",
    testid: "time-live",
    text: () => text("timeBack"),
    on: { click: () => this.go(null) },
  });
  private held = false; // a hand is on the slider
  private asked = 0;
  private timer = 0;

  constructor(private readonly app: App) {
    this.node = el("section", { class: "panel time", testid: "time", title: () => text("time") });
    const head = el("div", { class: "row wrap" }, this.said, this.note);
    head.append(el("span", { class: "spring" }), this.input);
    this.node.append(
      head,
      el("div", { class: "row" }, this.span, this.slider, this.play, this.speed, this.back),
    );
    this.speed.addEventListener("change", () => {
      if (app.live.speed.value) app.live.play(this.chosenSpeed);
    });
    const say = () => this.say();
    app.live.moment.listen(say);
    app.live.speed.listen(say);
    app.models.changed.listen(say);
    this.span.addEventListener("change", say);
    app.live.refusals.add(complain);
    onView(
      app,
      (view) => view.lang,
      () => this.say(),
    );
    setInterval(say, SAID_EVERY_MS);
  }

  private get chosenSpeed(): number {
    return Number(this.speed.value);
  }

  private get span_min(): number {
    return Number(this.span.value);
  }

  /** The moment under the slider's handle; its right end is now. */
  private get underHandle(): string | null {
    const back_min = this.span_min - Number(this.slider.value);
    return back_min > 0 ? new Date(Date.now() - back_min * MINUTE_MS).toISOString() : null;
  }

  /** The field tells each part that is typed: the moment counts when the hand rests. */
  private typing(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.typed(), TYPED_MS);
  }

  private typed(): void {
    const at = new Date(this.input.value); // without a zone: that of the browser
    if (Number.isNaN(at.getTime())) tell(text("timeNone"));
    else this.go(at.toISOString());
  }

  private sliding(): void {
    this.held = true;
    this.said.textContent = spokenTime(this.underHandle);
  }

  private slid(): void {
    this.held = false;
    this.go(this.underHandle);
  }

  /** Goes there if the city can be told as of then; a refusal leaves the page where it is. */
  private go(at: string | null): void {
    const asked = ++this.asked;
    clearTimeout(this.timer);
    if (at === null) {
      this.app.live.go(null);
      return;
    }
    client
      .tileset(this.app.city.tiles, at)
      .then(() => asked === this.asked && this.app.live.go(at))
      .catch((error) => {
        complain(error);
        this.say();
      });
  }

  private say(): void {
    const { moment, speed, now_ms } = this.app.live;
    const past = moment.value !== null;
    document.documentElement.toggleAttribute("data-past", past);
    this.node.dataset.at = moment.value ?? "";
    this.note.hidden = !past || this.app.models.loading.value || this.app.models.features > 0;
    this.back.hidden = !past;
    this.play.disabled = !past;
    this.play.textContent = speed.value ? "⏸" : "▶";
    this.play.title = text(speed.value ? "timePause" : "timePlay");
    this.play.setAttribute("aria-label", this.play.title);
    if (document.activeElement !== this.input) this.input.value = local(now_ms);
    if (this.held) return;
    this.said.textContent = spokenTime(moment.value);
    this.slider.max = this.span.value;
    this.slider.value = String(this.span_min - Math.ceil((Date.now() - now_ms) / MINUTE_MS));
    this.slider.setAttribute("aria-valuetext", this.said.textContent);
  }
}

function choice(testid: string, title: () => string, rows: [string, () => string][]) {
  const options = rows.map(([value, said]) => el("option", { text: said, attrs: { value } }));
  return el("select", { testid, title }, ...options);
}

function spokenTime(at: string | null): string {
  if (at === null) return text("timeNow");
  const lang = spoken() === "zh" ? "zh-CN" : "en";
  return text("timePast", { at: new Date(at).toLocaleString(lang) });
}

/** An instant as the date-time field wants it: the browser's own zone, to the second. */
function local(at_ms: number): string {
  const zone_ms = new Date(at_ms).getTimezoneOffset() * MINUTE_MS;
  return new Date(at_ms - zone_ms).toISOString().slice(0, 19);
}
