/**
 * What a diagnosis found, by its code, in the languages that the API does not speak: it says the same in English, and
 * more precisely. Loaded with the page of a call. Long because it is all findings in all of these languages.
 */
import type { Language } from "./dictionary.ts";

export interface FindingText {
  readonly title: string;
  readonly advice: string;
}

const ru = {
  PRIVATE_ADDRESS_IN_SDP: {
    title: "В его SDP указан частный адрес",
    advice: "Он стоит за NAT и не знает этого: внешний адрес в его собственных настройках или nat: yes у этого транка или шлюза",
  },
  OUR_PRIVATE_ADDRESS: {
    title: "Мы назвали внешней стороне свой частный адрес",
    advice: "advertise: слушателя (и media: advertise:) с адресом, до которого та сторона дотянется",
  },
  SRTP_MISMATCH: {
    title: "Одна сторона хочет шифрованный звук, другая его не умеет",
    advice: "Выключить SRTP у того, кто его предложил, или включить у другого; транки по UDP и TCP обычно говорят простым RTP/AVP",
  },
  CODEC_MISMATCH: {
    title: "У сторон нет общего кодека",
    advice: "codecs: обеих сторон должны иметь общий, лучше всего PCMA или PCMU; codecs_mode: order вместо filter пропустит остальные",
  },
  RTP_WRONG_SOURCE: {
    title: "Звук пришёл с чужого адреса",
    advice: "nat: yes у этого транка или шлюза, если это он; если нет, туда шлёт кто-то посторонний: ничего из этого не передано",
  },
  NO_RTP: {
    title: "Звука не было ни с одной стороны",
    advice: "Проверьте порты RTP слушателей в межсетевом экране (tandem firewall покажет) и адрес, который мы называем: advertise:",
  },
  SILENCE_ONE_WAY: {
    title: "Звука нет с одной стороны",
    advice:
      "То, что она шлёт, до нас не доходит: адрес в нашем SDP к ней (advertise:), её межсетевой экран или NAT с её стороны (nat: yes)",
  },
  RTP_LOSS: {
    title: "Звук терялся или опаздывал по пути к нам",
    advice: "Канал между нами и той стороной перегружен или плох: проверьте его в часы нагрузки; наша машина видна в tandem status",
  },
  MEDIA_FAILED: {
    title: "Медиадвижок потерял звонок",
    advice: "tandem status и журнал tandem-media скажут почему; о нехватке портов или дескрипторов говорится при запуске",
  },
  UNKNOWN_SOURCE: {
    title: "Звонивший неизвестен и не получил ответа",
    advice: "Его адрес в addresses: того транка или шлюза, на слушателе, куда он пришёл; digest:, если адрес меняется",
  },
  NUMBER_NOT_ROUTED: {
    title: "Для номера нет маршрута",
    advice: "Добавьте номер или исходящий маршрут; tandem route <номер> покажет решение",
  },
  LIMIT_REACHED: {
    title: "Достигнут лимит",
    advice: "Какой именно, сказано выше; страница «Лимиты» показывает, сколько использовано, и даёт поднять",
  },
  OUTBOUND_LOCKED: {
    title: "Исходящие заблокированы: похоже на мошенничество",
    advice: "Сначала посмотрите последние звонки; затем разблокируйте на странице «Лимиты» или дождитесь конца блокировки",
  },
  DESTINATION_DENIED: {
    title: "Это направление запрещено",
    advice: "Если такие звонки нужны: limits: арендатора или транка с allowed_prefixes, allowed_countries или premium: allow",
  },
  ALL_DOWN: {
    title: "Ни одна из целей звонка не работала",
    advice: "Посмотрите на шлюзы и их проверки; ещё один шлюз в группе или backup_trunks спасает такие звонки",
  },
  LOOP: {
    title: "Звонок вернулся к нам",
    advice: "Тот, кому его отправили, прислал его обратно: его переадресация или исходящий маршрут, который берёт наш же номер",
  },
  NO_ANSWER: {
    title: "Никто не ответил",
    advice: "hunt: ring_timeout_ms и setup_budget_ms задают, сколько звонит; ИИ, который должен отвечать сразу, возможно, перегружен",
  },
  NO_ACK: {
    title: "Наш ответ не подтвердили",
    advice: "ACK до нас не дошёл: адрес, который мы назвали (advertise:), межсетевой экран или прокси между нами",
  },
  AUTH_STALE_LOOP: {
    title: "Каждый ответ на запрос пароля назван устаревшим",
    advice: "Две машины за одним адресом без общих nonce или скачущие часы: спросите того, кто требует пароль",
  },
  AUTH_FAILED: {
    title: "Логин или пароль отклонены",
    advice: "Проверьте пароль; auth_username, если он не совпадает с username; realm, если он задан и другой",
  },
  NOT_REGISTERED: {
    title: "Транк должен быть зарегистрирован, но это не так",
    advice: "Страница транка покажет, с каких пор и почему; проверка перед запуском пройдёт всё по шагам",
  },
  NUMBER_REFUSED: {
    title: "Та сторона не знает этот номер",
    advice: "numbers: write: и rewrite: той стороны, чтобы она получила номер так, как хочет",
  },
  REFUSED_BY_PEER: {
    title: "Та сторона отказала",
    advice:
      "Её слова приведены выше: наш адрес в её списке, разрешённый номер, баланс и направление; пробовать дальше помогут ещё один шлюз или backup_trunks",
  },
  TLS_FAILED: {
    title: "TLS с той стороной не удался",
    advice: "Её сертификат должен быть действителен, на имя из uri: и от центра, которому мы доверяем; покажет проверка перед запуском",
  },
  DNS_FAILED: { title: "У имени той стороны нет адреса", advice: "Имя в uri:, dns_servers: узла; порт в uri, если в DNS нет SRV" },
  NO_RESPONSE: {
    title: "Та сторона не ответила вовсе",
    advice: "Запущена ли она, пускает ли межсетевой экран, знает ли она наш адрес: чужим часто не отвечают; проверка перед запуском",
  },
  UNREACHABLE: {
    title: "Та сторона недоступна",
    advice: "Запущена ли она, верны ли адрес, порт и транспорт, пускает ли межсетевой экран; проверка перед запуском",
  },
  CANCEL_CROSSED_ANSWER: {
    title: "Отмена и ответ разминулись в пути",
    advice: "Ничего: на звонок ответили и сразу завершили; если часто, звонящий не дожидается ИИ: пусть он отвечает раньше",
  },
  SESSION_TIMER: {
    title: "Таймер сеанса слишком короткий",
    advice: "Тот, кто просил, должен спросить снова хотя бы с Min-SE из ответа (RFC 4028 §7.4)",
  },
  NAT_CONTACT: {
    title: "В его Contact частный адрес",
    advice: "Он стоит за NAT и не знает этого: внешний адрес в его настройках и nat: yes у этого транка или шлюза",
  },
  SIGNALLING_LOSS: {
    title: "Сообщения приходилось повторять",
    advice: "Пакеты теряются в пути, или та сторона отвечает поздно; для больших сообщений: transport tcp, меньше кодеков",
  },
} as const satisfies Readonly<Record<string, FindingText>>;

const uz: { readonly [Code in keyof typeof ru]: FindingText } = {
  PRIVATE_ADDRESS_IN_SDP: {
    title: "Uning SDP sida xususiy manzil koʻrsatilgan",
    advice: "U NAT ortida turibdi va buni bilmaydi: oʻz sozlamalarida tashqi manzil yoki shu trank yoki shlyuzda nat: yes",
  },
  OUR_PRIVATE_ADDRESS: {
    title: "Biz tashqi tomonga xususiy manzilimizni aytdik",
    advice: "tinglovchining advertise: (va media: advertise:) maydonida narigi tomon yeta oladigan manzil",
  },
  SRTP_MISMATCH: {
    title: "Bir tomon shifrlangan ovoz istaydi, boshqasida u yoʻq",
    advice: "Taklif qilganda SRTP ni oʻchirish yoki boshqasida yoqish; UDP va TCP tranklar odatda oddiy RTP/AVP ishlatadi",
  },
  CODEC_MISMATCH: {
    title: "Tomonlarda umumiy kodek yoʻq",
    advice:
      "Ikkala tomonning codecs: roʻyxatida umumiysi boʻlsin, yaxshisi PCMA yoki PCMU; filter oʻrniga codecs_mode: order qolganini oʻtkazadi",
  },
  RTP_WRONG_SOURCE: {
    title: "Ovoz begona manzildan keldi",
    advice: "Agar bu oʻzi boʻlsa, shu trank yoki shlyuzda nat: yes; boʻlmasa, u yerga begona yubormoqda: undan hech narsa oʻtkazilmadi",
  },
  NO_RTP: {
    title: "Hech bir tomondan ovoz kelmadi",
    advice:
      "Tarmoqlararo ekranda tinglovchilarning RTP portlarini (tandem firewall koʻrsatadi) va biz aytadigan manzilni tekshiring: advertise:",
  },
  SILENCE_ONE_WAY: {
    title: "Bir tomondan ovoz yoʻq",
    advice: "U yuborgani bizga yetmayapti: unga SDP dagi manzilimiz (advertise:), uning ekrani yoki uning tomonidagi NAT (nat: yes)",
  },
  RTP_LOSS: {
    title: "Ovoz bizga yoʻlda yoʻqoldi yoki kechikdi",
    advice:
      "Biz va narigi tomon orasidagi kanal band yoki yomon: uni yuklama paytida tekshiring; bizning mashina tandem status da koʻrinadi",
  },
  MEDIA_FAILED: {
    title: "Media dvigatel qoʻngʻiroqni yoʻqotdi",
    advice: "Sababini tandem status va tandem-media jurnali aytadi; port yoki deskriptor yetishmasligi ishga tushishda aytiladi",
  },
  UNKNOWN_SOURCE: {
    title: "Qoʻngʻiroq qiluvchi nomaʼlum, javob olmadi",
    advice: "Manzilini u kelgan tinglovchidagi trank yoki shlyuzning addresses: maydoniga yozing; manzil oʻzgarsa, digest:",
  },
  NUMBER_NOT_ROUTED: {
    title: "Raqam uchun yoʻnalish yoʻq",
    advice: "Raqam yoki chiquvchi yoʻnalish qoʻshing; tandem route <raqam> qarorni koʻrsatadi",
  },
  LIMIT_REACHED: {
    title: "Cheklovga yetildi",
    advice: "Qaysi biri ekani yuqorida aytilgan; «Cheklovlar» sahifasi qancha ishlatilganini koʻrsatadi va oshirish imkonini beradi",
  },
  OUTBOUND_LOCKED: {
    title: "Chiquvchi qoʻngʻiroqlar qulflangan: firibgarlikka oʻxshaydi",
    advice: "Avval soʻnggi qoʻngʻiroqlarga qarang; keyin «Cheklovlar» sahifasida qulfdan chiqaring yoki muddat tugashini kuting",
  },
  DESTINATION_DENIED: {
    title: "Bu yoʻnalish taqiqlangan",
    advice:
      "Bunday qoʻngʻiroqlar kerak boʻlsa: ijarachi yoki trankning limits: maydonida allowed_prefixes, allowed_countries yoki premium: allow",
  },
  ALL_DOWN: {
    title: "Qoʻngʻiroq borishi mumkin boʻlganlarning hech biri ishlamadi",
    advice: "Shlyuzlar va ularning tekshiruvlariga qarang; guruhdagi yana bir shlyuz yoki backup_trunks bunday qoʻngʻiroqlarni saqlaydi",
  },
  LOOP: {
    title: "Qoʻngʻiroq bizga qaytdi",
    advice: "Yuborilgan tomon uni qaytarib yubordi: uning yoʻnaltirishi yoki oʻz raqamimizni oladigan chiquvchi yoʻnalish",
  },
  NO_ANSWER: {
    title: "Hech kim javob bermadi",
    advice:
      "hunt: ring_timeout_ms va setup_budget_ms qancha jiringlashini belgilaydi; darhol javob berishi kerak boʻlgan AI band boʻlishi mumkin",
  },
  NO_ACK: {
    title: "Javobimiz tasdiqlanmadi",
    advice: "ACK bizga yetmadi: biz aytgan manzil (advertise:), tarmoqlararo ekran yoki oradagi proksi",
  },
  AUTH_STALE_LOOP: {
    title: "Parol soʻroviga har bir javob eskirgan deyildi",
    advice: "Bitta manzil ortida nonce ni boʻlishmaydigan ikki mashina yoki sakraydigan soat: parol soʻragandan soʻrang",
  },
  AUTH_FAILED: {
    title: "Login yoki parol rad etildi",
    advice: "Parolni tekshiring; username dan farq qilsa auth_username; berilgan va boshqa boʻlsa realm",
  },
  NOT_REGISTERED: {
    title: "Trank roʻyxatdan oʻtishi kerak, ammo oʻtmagan",
    advice: "Trank sahifasi qachondan va nega ekanini koʻrsatadi; ishga tushirishdan oldingi tekshiruv qadam-baqadam oʻtadi",
  },
  NUMBER_REFUSED: {
    title: "Narigi tomon bu raqamni bilmaydi",
    advice: "Raqamni u istagandek olishi uchun oʻsha tomonning numbers: write: va rewrite: maydonlari",
  },
  REFUSED_BY_PEER: {
    title: "Narigi tomon rad etdi",
    advice:
      "Uning soʻzlari yuqorida: roʻyxatidagi manzilimiz, ruxsat etilgan raqam, balans va yoʻnalish; yana bir shlyuz yoki backup_trunks boshqasini sinaydi",
  },
  TLS_FAILED: {
    title: "Narigi tomon bilan TLS boʻlmadi",
    advice:
      "Uning sertifikati amalda, uri: dagi nomga va biz ishonadigan markazdan boʻlishi kerak; ishga tushirishdan oldingi tekshiruv koʻrsatadi",
  },
  DNS_FAILED: {
    title: "Narigi tomon nomining manzili yoʻq",
    advice: "uri: dagi nom, tugunning dns_servers: maydoni; DNS da SRV boʻlmasa, uri da port",
  },
  NO_RESPONSE: {
    title: "Narigi tomon umuman javob bermadi",
    advice:
      "U ishga tushirilganmi, ekran oʻtkazadimi, manzilimizni biladimi: begonalarga koʻpincha javob berilmaydi; ishga tushirishdan oldingi tekshiruv",
  },
  UNREACHABLE: {
    title: "Narigi tomonga yetib boʻlmaydi",
    advice: "U ishga tushirilganmi, manzil, port va transport toʻgʻrimi, ekran oʻtkazadimi; ishga tushirishdan oldingi tekshiruv",
  },
  CANCEL_CROSSED_ANSWER: {
    title: "Bekor qilish va javob yoʻlda uchrashdi",
    advice: "Hech narsa: javob berildi va darhol tugatildi; tez-tez boʻlsa, qoʻngʻiroq qiluvchi AI ni kutmayapti: u oldinroq javob bersin",
  },
  SESSION_TIMER: {
    title: "Seans taymeri juda qisqa",
    advice: "Soʻragan tomon javobdagi Min-SE dan kam boʻlmagan qiymat bilan qayta soʻrashi kerak (RFC 4028 §7.4)",
  },
  NAT_CONTACT: {
    title: "Uning Contact manzili xususiy",
    advice: "U NAT ortida turibdi va buni bilmaydi: sozlamalarida tashqi manzil va shu trank yoki shlyuzda nat: yes",
  },
  SIGNALLING_LOSS: {
    title: "Xabarlarni takrorlashga toʻgʻri keldi",
    advice: "Paketlar yoʻlda yoʻqolmoqda yoki narigi tomon kech javob bermoqda; katta xabarlar uchun: transport tcp, kamroq kodek",
  },
};

export const FINDINGS: Readonly<Record<Exclude<Language, "en">, Readonly<Record<string, FindingText>>>> = { ru, uz };

/** As the API says it where there is no other text. */
export const findingText = (language: Language, code: string, said: FindingText): FindingText =>
  language === "en" ? said : (FINDINGS[language][code] ?? said);
