// Words that people put in front of a secret, and words that are no secret although they stand behind one of them.

/** What follows is a secret even if it is a plain word. */
const STRONG = [
  String.raw`pass(?:word|wd|phrase|code|wort)|pwd|kennwort|contrase[nñ]a|mot[ _]de[ _]passe|mdp|senha|palavra[- ]passe`,
  String.raw`wachtwoord|l[oö]senord|adgangskode|passord|salasana|has[lł]o|heslo|jelsz[oó]|parola|пароль`,
  String.raw`密码|密碼|口令|パスワード|暗証番号|비밀번호`,
  String.raw`(?:client|app|consumer|shared|webhook|signing|session|jwt|user)[ _-]?secret`,
  String.raw`api[ _-]?(?:key|secret|token)|secret[ _-]?(?:access[ _-]?)?key|(?:signing|session|jwt)[ _-]?key`,
  String.raw`(?:private|access|account|encryption|service|master|licen[cs]e|product|recovery|storage|subscription)[ _-]?key`,
  String.raw`(?:auth|access|refresh|bearer|bot|id|csrf|session|personal[ _-]access)[ _-]?token`,
  String.raw`(?:seed|recovery|backup)[ _-]?(?:phrase|words|codes?)|mnemonic|connection[ _-]?string`,
];

/** What follows is a secret if it looks like one. */
const WEAK = [
  String.raw`pin(?:[ _-]?code)?|puk|cvv2?|cvc2?|ssn|tan|otp|totp`,
  String.raw`(?:door|gate|alarm|safe|entry|access|security|lock|garage|unlock|bike|wi-?fi|wlan|network)[ _-]?(?:code|combination|pin|key)`,
  String.raw`wpa[23]?[ _-]?(?:key|psk)|psk|token|secret|credentials?|licen[cs]e|auth`,
];

/**
 * Group `strong` or `weak`. Only a weak word needs a boundary in front, as in `shopping: …`; `dbPassword` is one word to
 * people as well.
 */
export const SECRET_WORD = new RegExp(
  `(?<strong>${STRONG.join('|')})|(?<![\\p{L}\\p{N}])(?<weak>${WEAK.join('|')})(?![\\p{L}\\p{N}])`,
  'giu',
);

/** A heading or a column under which every value is a secret. */
export const SECRET_TITLE = new RegExp(
  `(?:${STRONG.join('|')}|(?<![\\p{L}])(?:log-?in|pin|puk|cvv|cvc|token|credential|secrets(?! santa)|keys|codes))(?:e?s|n)?(?![\\p{L}])`,
  'iu',
);

/** In a list of logins these items are not the secret. */
export const PUBLIC_ITEM =
  /^(?:user(?:[ _-]?name)?|log-?in|url|web(?:site)?|site|host|server|port|name|account|ssid|network|phone|date|updated|created|changed|expires|owner|note|notes|hint|where|place)\b/i;

/** First words of what says where a secret is, or that there is none. */
export const NO_SECRET = new Set(
  `none null nil undefined unknown empty n/a na tbd todo yes no not never true false required optional changed change unchanged
  expired redacted hidden removed missing see ask same stored kept saved written set in on at under behind with by from to for
  the a an is was are always only also still now it its my our your his her their this that these those as if when where who
  what how must should can may will would could has have had been being reset rotation self pw password
  siehe steht fragen frag keine kein nicht ist im in der die das wie bei`.split(/\s+/),
);

/** What a sentence says about a secret: "the password is wrong". Behind a colon such a word would be one. */
export const SAID_OF_SECRETS = new Set(
  `too very correct incorrect right wrong invalid valid weak strong safe short long new old different protected managed needed
  used shared private public secret easy hard there here gone lost known value text str string bytes falsch richtig neu alt`.split(
    /\s+/,
  ),
);
