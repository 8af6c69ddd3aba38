// How people tell a memory something, in eight languages. A table of patterns; the first that fits is taken.

export interface StatementPattern {
  /** Groups: `what` or `subject`, `value`, maybe `old`. */
  pattern: RegExp;
  /** Given when the verb says what it is about. */
  attribute?: string;
  isMove?: boolean;
  isChange?: boolean;
}

export const STORE_PREFIX = new RegExp(
  String.raw`^(?:(?:hi|hey|hello|hallo|ok|okay)[,!. ]+)?(?:(?:please|bitte|por favor|s'il te pla[iî]t|proszę|lütfen|per favore)[, ]+)?(?:(?:can|could|would|will) you (?:please )?)?(?:` +
    [
      String.raw`(?:remember|note(?: down)?|keep in mind|save|store|record|write down|memori[sz]e|don['’]?t forget|make a note|take a note|add)(?: (?:this|the fact|to (?:my|your) (?:notes|memory)))?(?: that|:|,)?(?! (?:to|where|when|what|who|how|if)\b)`,
      String.raw`(?:merke? dir|notiere?(?: dir)?|speichere?|denk daran|vergiss nicht|schreib(?:e)? auf)(?: bitte)?(?:,? dass|:|,)?`,
      String.raw`(?:souviens[- ]toi|rappelle[- ]toi|retiens|note|enregistre|n['’]oublie pas)(?: bien)?(?: que| qu['’]|:|,)?`,
      String.raw`(?:recuerda|anota|guarda|apunta|ten en cuenta|no olvides)(?: que|:|,)?`,
      String.raw`(?:zapamiętaj|zapisz|zanotuj|pamiętaj|nie zapomnij)(?:,? że|:|,)?`,
      String.raw`(?:şunu hatırla|hatırla|not et|kaydet|unutma|aklında tut)(?: ki|:|,)?`,
      String.raw`(?:ricorda(?:ti)?|annota|salva|segna(?:ti)?|tieni a mente|non dimenticare)(?: che|:|,)?`,
      String.raw`(?:lembra|lembre-se|lembre|anote|guarda|guarde|salve|registre|não esqueças?)(?: de)?(?: que|:|,)?`,
    ].join('|') +
    String.raw`)(?=\s|$)`,
  'iu',
);

export const FORGET_PREFIX =
  /^(?:please |bitte |por favor )?(?:(?:can|could) you )?(?:forget(?: about)?|delete|remove|erase|vergiss|lösche?|entferne?|oublie|supprime|efface|olvida|borra|elimina|zapomnij|usuń|unut|sil|dimentica|cancella|esquece|esqueça|apague|remova)\s+(?!nicht\b)(?:the fact that |that )?/iu;

export const QUESTION_START =
  /^(?:what|who|whom|whose|where|when|which|why|how|is|are|was|were|do|does|did|can|could|should|would|list|show|tell me|give me|find|summari[sz]e|describe|was|wer|wem|wen|wo|wann|welche\w*|wie|warum|kennst|hast|qui|que|quoi|quel\w*|où|quand|comment|combien|pourquoi|est-ce|qué|quién|dónde|cuándo|cuál|cómo|cuánt\w+|kto|co|gdzie|kiedy|jak\w*|który|która|ile|czy|kim|ne|nerede|hangi|kaç|chi|che|cosa|dove|quando|quale|quanto|quanti|quem|onde|qual|quanto|como)\b/iu;

const VALUE = String.raw`(?<value>.+)$`;
const re = (source: string): RegExp => new RegExp(source, 'iu');
const MY = String.raw`(?:my|our|meine?[nmr]?|unsere?|mon|ma|mes|notre|mis?|nuestr[oa]|mój|moja|moje|il mio|la mia|(?:o |a )?meu|(?:a )?minha|benim)`;

export const STATEMENT_PATTERNS: readonly StatementPattern[] = [
  // change … to …
  {
    pattern: re(
      String.raw`^(?:please )?(?:change|update|set|correct|switch|rename)\s+(?<what>.+?)(?:\s+from\s+(?<old>.+?))?\s+to\s+${VALUE}`,
    ),
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?:bitte )?(?:ändere?|aktualisiere?|setze?|korrigiere?)\s+(?<what>.+?)(?:\s+von\s+(?<old>\S+?))?\s+(?:auf|zu|in)\s+${VALUE}`,
    ),
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?:change|modifie|remplace|mets à jour|corrige)\s+(?<what>.+?)\s+(?:en|à|par|pour)\s+${VALUE}`,
    ),
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?:cambia|actualiza|modifica|corrige)\s+(?<what>.+?)\s+(?:a|por)\s+${VALUE}`),
    isChange: true,
  },
  { pattern: re(String.raw`^(?:zmień|zaktualizuj|popraw)\s+(?<what>.+?)\s+na\s+${VALUE}`), isChange: true },
  {
    pattern: re(String.raw`^(?:cambia|aggiorna|modifica|correggi)\s+(?<what>.+?)\s+(?:in|con|a)\s+${VALUE}`),
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?:muda|mude|altera|altere|atualiza|atualize|troca|troque)\s+(?<what>.+?)\s+para\s+${VALUE}`,
    ),
    isChange: true,
  },
  // … has changed to …
  {
    pattern: re(
      String.raw`^(?<what>.+?)\s+(?:has |have )?(?:been )?(?:changed|updated|set|moved|postponed|switched|hat sich geändert|wurde geändert)(?:\s+from\s+(?<old>.+?))?\s+(?:to|auf|in|zu)\s+(?=[\d"“+€$(]|\S+@|(?:19|20)\d\d|(?:mon|tues|wednes|thurs|fri|satur|sun)day)${VALUE}`,
    ),
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?<what>(?:my|our|.+?['’]s|the)\s.+?)\s+(?:has |have )?(?:been )?(?:changed|updated|switched)(?:\s+from\s+(?<old>.+?))?\s+to\s+${VALUE}`,
    ),
    isChange: true,
  },
  // moved
  {
    pattern: re(
      String.raw`^(?<subject>.+?)\s+(?:(?:has|have|just|recently|'ve)\s+)*(?:moved|relocated)(?:\s+(?:from\s+(?<old>.+?)))?\s+to\s+${VALUE}`,
    ),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?<subject>.+?)\s+(?:ist|bin|sind)\s+(?:von\s+(?<old>\S+)\s+)?nach\s+(?<value>.+?)\s+(?:um)?gezogen$`,
    ),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?<subject>.+?)\s*(?:['’]ai|ai|a|avons|ont|est|vient de)\s+(?:déménagé|déménager)\s+(?:à|en|au)\s+${VALUE}`,
    ),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*(?:se mudó|me mudé|nos mudamos|se ha mudado|se trasladó)\s+a\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?<subject>.*?)\s*(?:przeprowadził[ao]?m? się|przeprowadziłam się|przeprowadziliśmy się)\s+do\s+${VALUE}`,
    ),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*(?<value>\p{Lu}\p{L}+)['’]?(?:y?[ae])\s+taşınd(?:ı|ım|ık)$`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?<subject>.*?)\s*(?:si è trasferit[oa]|mi sono trasferit[oa]|ci siamo trasferiti)\s+a\s+${VALUE}`,
    ),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*(?:mudou-se|se mudou|me mudei|mudei-me|nos mudamos)\s+para\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  // verbs that name the fact
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:now )?(?:lives?|resides?)(?: now)?\s+(?:in|at)\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:now )?works?(?: now)?\s+(?:at|for)\s+${VALUE}`),
    attribute: 'employer',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:now )?works?\s+as\s+(?:an? )?${VALUE}`),
    attribute: 'job',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:am|is|are|['’]m)\s+(?:also )?allergic to\s+${VALUE}`),
    attribute: 'allergies',
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:was|were)\s+born\s+on\s+${VALUE}`),
    attribute: 'birth_date',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:was|were)\s+born\s+in\s+(?=\p{Lu})${VALUE}`),
    attribute: 'birth_place',
    isChange: true,
  },
  { pattern: re(String.raw`^(?<subject>.+?)\s+(?:really )?(?:likes?|loves?|enjoys?)\s+${VALUE}`), attribute: 'likes' },
  { pattern: re(String.raw`^(?<subject>.+?)\s+(?:prefers?)\s+${VALUE}`), attribute: 'preference' },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:hates?|dislikes?|do(?:es)?n['’]t like)\s+${VALUE}`),
    attribute: 'dislikes',
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:wohnt|wohne|wohnen|lebt|lebe)(?: jetzt)?\s+in\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:arbeitet|arbeite|arbeiten)(?: jetzt)?\s+(?:bei|für)\s+${VALUE}`),
    attribute: 'employer',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s*(?:['’]?habite)(?: maintenant)?\s+(?:à|en|au)\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:travaille)(?: maintenant)?\s+(?:chez|pour|à)\s+${VALUE}`),
    attribute: 'employer',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:vive|vivo)(?: ahora)?\s+en\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:trabaja|trabajo)(?: ahora)?\s+(?:en|para)\s+${VALUE}`),
    attribute: 'employer',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:mieszka|mieszkam)(?: teraz)?\s+w\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:abita|abito|vive|vivo)(?: ora)?\s+a\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:lavora|lavoro)(?: ora)?\s+(?:per|da|presso)\s+${VALUE}`),
    attribute: 'employer',
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:mora|moro)(?: agora)?\s+em\s+${VALUE}`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.*?)\s*\b(?:trabalha|trabalho)(?: agora)?\s+(?:na|no|em|para)\s+${VALUE}`),
    attribute: 'employer',
    isChange: true,
  },
  // … ist, at the end of a German clause
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:jetzt\s+)?nach\s+(?<value>.+?)\s+(?:um)?gezogen\s+(?:ist|bin|sind)$`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:jetzt\s+)?in\s+(?<value>.+?)\s+(?:wohnt|wohne|lebt|lebe)$`),
    attribute: 'city',
    isMove: true,
    isChange: true,
  },
  {
    pattern: re(String.raw`^(?<subject>.+?)\s+(?:jetzt\s+)?bei\s+(?<value>.+?)\s+(?:arbeitet|arbeite)$`),
    attribute: 'employer',
    isChange: true,
  },
  {
    pattern: re(
      String.raw`^(?<what>(?:meine?|unsere?|die|der|das)\s.+?)\s+(?:jetzt\s+)?(?<value>[\d+"“„].*|\S+@\S+|\S+)\s+(?:ist|lautet|heißt)$`,
    ),
  },
  // … is …
  {
    pattern: re(
      String.raw`^(?<what>${MY}\s.+?|.+?['’]s\s.+?|the\s.+?|(?:die|der|das|le|la|l['’]|el|il|o|a)\s*[\p{L} ]+?\s(?:von|der|des|de|du|del|di|della|do|da)\s.+?|\p{Lu}\p{L}+s\s\p{Lu}\p{L}+)\s+(?:is now|are now|is|are|was|will be|ist jetzt|ist nun|ist|lautet jetzt|lautet|sind|est maintenant|est|sont|es ahora|es|son|to teraz|jest teraz|to|jest|è ora|è|sono|é agora|é|agora é|são)\s+(?:now |currently )?${VALUE}`,
    ),
  },
  {
    pattern: re(
      String.raw`^(?:benim\s+)?(?<what>.+?['’](?:nın|nin|nun|nün|ın|in|un|ün)\s+\p{L}+(?: \p{L}+)?)\s+(?:artık\s+)?(?<value>[\p{Lu}\d+"“].*?)(?:\s+oldu)?$`.replace(
        '(?i)',
        '',
      ),
    ),
  },
  {
    pattern: re(
      String.raw`^(?<what>(?:benim\s+)?[\p{L}]+(?: \p{L}+)?[ıiuü]m)\s+(?:artık\s+)?(?<value>[\d+"“].*|\S+@\S+)$`,
    ),
  },
  { pattern: re(String.raw`^(?<what>${MY}\s[^:=]+|.+?['’]s\s[^:=]+)\s*[:=]\s*${VALUE}`) },
];
