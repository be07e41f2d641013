import type { Language } from "../api/session";
import { DEVICE_TEXTS, DEVICE_WORDS } from "./texts-devices";
import { DOOR_TEXTS, DOOR_WORDS } from "./texts-door";
import { TIME_TEXTS } from "./texts-time";

/** Every string of the page: Chinese, English. */
const TEXTS = {
  ...DEVICE_TEXTS,
  ...DOOR_TEXTS,
  ...TIME_TEXTS,
  product: ["万物孪生", "Wanwu Twin"],
  searchHint: ["搜索编码、名称、地址、GUID", "Search code, name, address, GUID"],
  searchNone: ["没有找到", "Nothing found"],
  searchNoneEnter: [
    "没有找到；按回车键查看这是什么编码",
    "Nothing found; press Enter to see what it is",
  ],
  searchSeveral: ["有多个对象符合，请选择", "Several things match, choose one"],
  recognisedTitle: ["这是什么", "What this is"],
  recognisedNothing: [
    "不符合任何已知编码的格式。可改用名称、地址、编码或 GUID。",
    "It has the form of no known code. Try a name, an address, a code or a GUID.",
  ],
  valid: ["格式正确", "valid"],
  invalid: ["有误", "not valid"],
  checkHeld: ["校验位正确", "check holds"],
  sameAs: ["即 {scheme}", "the same as {scheme}"],
  asOurs: [
    "若为本系统发放的编码，第 {position} 位应为 {expected}。",
    "Were it issued here, position {position} would be {expected}.",
  ],
  parts: ["各段含义", "Its parts"],
  language: ["EN", "中文"],
  languageHint: ["Switch to English", "切换为中文"],
  theme: ["明暗主题", "Light or dark"],
  home: ["回到全城", "Whole city"],
  north: ["正北朝上", "North up"],
  display: ["显示", "Display"],
  colourBy: ["按属性着色", "Colour by"],
  colourNone: ["不着色", "No colouring"],
  spaces: ["显示空间", "Show spaces"],
  xray: ["透视", "X-ray"],
  labels: ["名称标注", "Labels"],
  legend: ["图例", "Legend"],
  legendCount: ["{n} 个对象", "{n} objects"],
  storeys: ["楼层", "Storeys"],
  allStoreys: ["全部楼层", "All storeys"],
  list: ["导入编码", "Import codes"],
  listDrop: [
    "点击选择或把 CSV 清单拖到这里（列：code、value、scheme）",
    "Choose or drop a CSV list here (columns code, value, scheme)",
  ],
  listReading: ["正在检查", "Checking"],
  listChecked: [
    "{rows} 行：可挂接 {right} · 已有 {already} · 有误 {refused}",
    "{rows} rows: {right} can be linked · {already} known · {refused} wrong",
  ],
  listLinked: [
    "已挂接 {linked} 个 · 已有 {already} · 有误 {refused}",
    "{linked} linked · {already} known · {refused} wrong",
  ],
  listLink: ["挂接 {n} 个编码", "Link the right rows: {n}"],
  listStrict: ["有误则全部不挂接", "All rows or none"],
  listUndo: ["撤销本次导入", "Take this list back"],
  listUndone: ["已撤销 {n} 个", "{n} taken back"],
  listRow: ["第 {row} 行", "row {row}"],
  listMore: ["另有 {n} 行有误", "and {n} more wrong rows"],
  why: ["原因", "Reason"],
  whyNeeded: ["请填写原因", "Please give a reason"],
  linkCode: ["挂接外部编码", "Link a foreign code"],
  linkValue: ["外部编码", "Foreign code"],
  linkScheme: ["编码体系（自动识别）", "Scheme (by its form)"],
  unlink: ["解除", "Unlink"],
  unlinkSure: ["再点一次确认解除", "Click again to unlink"],
  cancel: ["取消", "Cancel"],
  error: ["错误", "Error"],
  warning: ["警告", "Warning"],
  info: ["提示", "Info"],
  card: ["对象", "Object"],
  code: ["万物编码", "Code"],
  qr: ["二维码", "QR code"],
  urn: ["统一资源名", "URN"],
  history: ["变更历史", "History"],
  historyRest: ["另有 {n} 处", "and {n} more"],
  generation: ["第 {n} 代", "generation {n}"],
  more: ["更多", "More"],
  historyNone: ["没有变更记录", "No changes recorded"],
  copy: ["复制", "Copy"],
  copied: ["已复制", "Copied"],
  kind: ["类型", "Kind"],
  ifcClass: ["IFC 类", "IFC class"],
  address: ["标准地址", "Address"],
  position: ["位置", "Position"],
  grid: ["北斗网格码", "Beidou grid"],
  lifecycle: ["生命周期", "Lifecycle"],
  path: ["所属", "Belongs to"],
  observes: ["观测 {code}", "Observes {code}"],
  contains: ["包含", "Contains"],
  aliases: ["其他编码", "Other codes"],
  live: ["实时状态", "Live state"],
  noLive: ["没有传感器数据", "No sensor data"],
  properties: ["属性", "Properties"],
  quantities: ["工程量", "Quantities"],
  historyTitle: ["近 24 小时", "Last 24 hours"],
  replaced: ["已被替代", "Replaced by"],
  close: ["关闭", "Close"],
  connected: ["实时连接", "Live"],
  connecting: ["正在连接", "Connecting"],
  lost: ["连接中断，正在重连", "Disconnected, retrying"],
  features: ["{n} 个构件", "{n} features"],
  drawCalls: ["{n} 次绘制", "{n} draw calls"],
  triangles: ["{n} 个三角形", "{n} triangles"],
  loadingTiles: ["正在加载模型", "Loading models"],
  tilesFailed: ["有模型未能加载", "A model could not be loaded"],
  tokenTitle: ["需要访问令牌", "An access token is needed"],
  tokenHint: [
    "请向管理员索取令牌；只保存在本浏览器会话中。",
    "Ask the operator for a token; it is kept for this browser session only.",
  ],
  tokenOk: ["确定", "OK"],
  unreachable: ["服务没有响应", "The service does not answer"],
  unreachableHint: [
    "请检查网络或服务是否在运行。",
    "Check the network, and that the service runs.",
  ],
  failed: ["失败", "Failed"],
  ago_s: ["{n} 秒前", "{n} s ago"],
  ago_m: ["{n} 分钟前", "{n} min ago"],
  ago_h: ["{n} 小时前", "{n} h ago"],
  ago_d: ["{n} 天前", "{n} d ago"],
  yes: ["是", "yes"],
  no: ["否", "no"],
  demo: ["演示", "Demo"],
  noCity: [
    "城市里还没有模型，上传一个 IFC 文件开始。",
    "No models yet: upload an IFC file to begin.",
  ],
} satisfies Record<string, [string, string]>;

export type TextKey = keyof typeof TEXTS;

/** Words of the data itself: kinds, properties, job stages, qualities. Unknown ones stay as sent. */
const WORDS: Record<string, [string, string]> = {
  ...DEVICE_WORDS,
  ...DOOR_WORDS,
  Region: ["行政区", "Region"],
  Street: ["街道", "Street"],
  Community: ["社区", "Community"],
  Address: ["地址", "Address"],
  Site: ["场地", "Site"],
  Building: ["建筑", "Building"],
  Storey: ["楼层", "Storey"],
  Space: ["空间", "Space"],
  Element: ["构件", "Element"],
  System: ["系统", "System"],
  Unit: ["单位", "Unit"],
  House: ["房屋", "House"],
  Sensor: ["传感器", "Sensor"],
  Facility: ["设施", "Facility"],
  Project: ["项目", "Project"],
  Document: ["文档", "Document"],
  Model: ["模型版本", "Model version"],
  temperature: ["温度", "Temperature"],
  humidity: ["湿度", "Humidity"],
  co2: ["二氧化碳", "CO₂"],
  pm25: ["PM2.5", "PM2.5"],
  pm10: ["PM10", "PM10"],
  noise: ["噪声", "Noise"],
  illuminance: ["照度", "Illuminance"],
  occupancy: ["人数", "Occupancy"],
  occupied: ["占用", "Occupied"],
  power: ["功率", "Power"],
  energy: ["电能", "Energy"],
  voltage: ["电压", "Voltage"],
  current: ["电流", "Current"],
  flow: ["流量", "Flow"],
  pressure: ["压力", "Pressure"],
  level: ["水位", "Water level"],
  water_level: ["水位", "Water level"],
  rainfall: ["雨量", "Rainfall"],
  wind_speed: ["风速", "Wind speed"],
  vibration: ["振动", "Vibration"],
  tilt: ["倾斜", "Tilt"],
  smoke: ["烟雾", "Smoke"],
  door_open: ["门开", "Door open"],
  battery: ["电池", "Battery"],
  queued: ["排队中", "Queued"],
  running: ["处理中", "Running"],
  type: ["构件类型", "Type"],
  tag: ["标记", "Tag"],
  object_type: ["对象类型", "Object type"],
  predefined_type: ["预定义类型", "Predefined type"],
  normalise: ["规范化", "Normalising"],
  extract: ["读取语义", "Reading semantics"],
  mesh: ["生成几何", "Meshing"],
  translate: ["转换", "Translating"],
  merge: ["合并到城市", "Merging"],
  tiles: ["生成瓦片", "Making tiles"],
  activate: ["启用版本", "Activating"],
  done: ["完成", "Done"],
  failed: ["失败", "Failed"],
  good: ["良好", "good"],
  uncertain: ["存疑", "uncertain"],
  bad: ["错误", "bad"],
  stale: ["过期", "stale"],
  planned: ["规划", "planned"],
  under_construction: ["建设中", "under construction"],
  in_use: ["在用", "in use"],
  gone: ["消失", "gone"],
  created: ["建立", "created"],
  changed: ["修改", "changed"],
  ended: ["终止", "ended"],
  restored: ["恢复", "restored"],
  replaced_others: ["替代其他编码", "replaced others"],
  linked: ["挂接编码", "code linked"],
  unlinked: ["解除编码", "code unlinked"],
  relinked: ["更换编码", "codes changed"],
  aliases: ["外部编码", "Other codes"],
  code: ["编码", "code"],
  value: ["外部编码", "value"],
  scheme: ["编码体系", "scheme"],
  scope: ["范围", "scope"],
  source: ["来源", "source"],
  confidence: ["可信度", "confidence"],
  "action.link": ["人工挂接", "linked by a person"],
  "action.unlink": ["人工解除", "unlinked by a person"],
  "action.import": ["清单导入", "list imported"],
  "action.retire": ["注销编码", "code retired"],
  "action.merge": ["编码合并", "codes merged"],
  "action.split": ["编码拆分", "code split"],
  "action.lifecycle": ["生命周期变更", "life cycle moved on"],
  "action.undo": ["撤销变更", "change undone"],
  "action.model": ["模型交付", "model delivered"],
  "action.rematch": ["人工更正匹配", "match corrected by a person"],
  "action.devices_bound": ["绑定设备", "devices bound"],
  "action.device_unbound": ["解绑设备", "device unbound"],
  name: ["名称", "Name"],
  kind: ["类型", "Kind"],
  lifecycle: ["生命周期", "Lifecycle"],
  height_m: ["高程", "Height"],
  lon: ["经度", "Longitude"],
  lat: ["纬度", "Latitude"],
  grid2d: ["北斗网格码", "Beidou grid"],
  box: ["外包框", "Box"],
  declared: ["文件声明", "declared"],
  confirmed: ["人工确认", "confirmed"],
  given: ["给定", "given"],
  none: ["未知", "unknown"],
  "scheme.uic": ["官方统一识别代码", "official code"],
  "scheme.uscc": ["统一社会信用代码", "Social credit code"],
  "scheme.org_code": ["组织机构代码", "Organisation code"],
  "scheme.jgj246": ["房屋代码", "House code (JGJ/T 246)"],
  "scheme.jgj496": ["房屋建筑统一编码", "Building code (JGJ/T 496)"],
  "scheme.bdcdy28": ["不动产单元代码", "Real-estate unit"],
  "scheme.bdcdy26": ["不动产 26 位代码", "Real-estate unit, 26 digits"],
  "scheme.permit18": ["施工许可证", "Construction permit"],
  "scheme.gb2260": ["行政区划代码", "Division code"],
  "scheme.gb10114": ["乡级区划代码", "Sub-county code"],
  "scheme.stat12": ["统计区划代码", "Statistics code"],
  "scheme.gs1dl": ["GS1 标识", "GS1"],
  "scheme.oid": ["对象标识符 OID", "OID"],
  "scheme.handle": ["Handle / DOI", "Handle / DOI"],
  "scheme.ecode": ["Ecode", "Ecode"],
  "scheme.address": ["地址", "Address"],
  "scheme.ifc_guid": ["IFC GUID", "IFC GUID"],
  "scheme.device": ["设备", "Device"],
  "scheme.tag": ["标记", "Tag"],
  "scheme.project": ["项目名", "Project name"],
  "scheme.document": ["文档名", "Document name"],
  true: ["是", "yes"],
  false: ["否", "no"],
};

const UNITS: Record<string, string> = {
  Cel: "°C",
  "1": "",
  "ug/m3": "µg/m³",
  "m3/h": "m³/h",
  deg: "°",
};

let language: Language = "zh";

export function speak(chosen: Language): void {
  language = chosen;
}

export function spoken(): Language {
  return language;
}

export function text(key: TextKey, facts: Record<string, string | number> = {}): string {
  const chosen = TEXTS[key][language === "zh" ? 0 : 1];
  return chosen.replace(/\{(\w+)\}/g, (whole: string, name: string) =>
    String(facts[name] ?? whole),
  );
}

export function word(term: string): string {
  return WORDS[term]?.[language === "zh" ? 0 : 1] ?? term;
}

/** Whether there is a word of ours for a term. */
export const known = (term: string): boolean => term in WORDS;

/** A scheme of codes as people call it. */
export function schemeName(scheme: string): string {
  const key = `scheme.${scheme}`;
  return key in WORDS ? word(key) : scheme;
}

/** What was done, as the cause of a change names it. */
export function deed(name: string): string {
  const key = `action.${name}`;
  return key in WORDS ? word(key) : name;
}

export function unit(code: string): string {
  return UNITS[code] ?? code;
}

/** "12 s ago" of an instant; an empty string when there is none. */
export function age(instant: string | null | undefined, now: number): string {
  const at = instant ? Date.parse(instant) : Number.NaN;
  if (!Number.isFinite(at)) return "";
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 90) return text("ago_s", { n: seconds });
  if (seconds < 5400) return text("ago_m", { n: Math.round(seconds / 60) });
  if (seconds < 129_600) return text("ago_h", { n: Math.round(seconds / 3600) });
  return text("ago_d", { n: Math.round(seconds / 86_400) });
}
