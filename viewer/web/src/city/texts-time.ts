/** The strings of the time bar: Chinese, English. */
export const TIME_TEXTS = {
  time: ["时间", "Time"],
  timeChoose: ["选择时刻", "Choose a moment"],
  timeSlide: ["在时间轴上选择时刻", "Choose a moment on the line of time"],
  timeSpan: ["时间轴的长度", "How far the line goes back"],
  timeDay: ["24 小时", "24 h"],
  timeWeek: ["7 天", "7 days"],
  timeNow: ["实时", "Live"],
  timePast: ["过去 · {at}", "The past · {at}"],
  past: ["过去", "The past"],
  timePlay: ["播放", "Play"],
  timePause: ["暂停", "Pause"],
  timeSpeed: ["播放速度", "Speed"],
  timeBack: ["回到实时", "Back to live"],
  timeEmpty: ["当时城市里没有模型", "No models stood in the city then"],
  timeNone: ["请给出完整的日期和时间", "Please give a whole date and time"],
  stateThen: ["当时状态", "State then"],
} satisfies Record<string, [string, string]>;
