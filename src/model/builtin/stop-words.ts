// Words that carry no search meaning, by language, and the words that mean the owner of the notes. A table.
import { wordsOf } from './words.ts';

export type Language = 'en' | 'de' | 'fr' | 'es' | 'pl' | 'tr' | 'it' | 'pt';

const STOP: Readonly<Record<Language, string>> = {
  en: `a an the is are was were be been am do does did has have had having of in on at to for from by with about as and or
    what which who whom whose when where why how can could would should will shall may might must please tell show give find
    know remember need want get that this these those it its there their they them he she his her him you your any some if
    than then so not no now currently current many much more most all every each use used go goes going into out up over
    under s t let say said mean means again also just only me case take takes took make makes made nok eur usd chf gbp sek dkk pln`,
  de: `der die das den dem des ein eine einen einem einer eines ist sind war waren bin bist sein seine ihr ihre ihrer hat haben hatte habe
    von vom in im an am auf zu zum zur fur mit uber und oder was welche welcher welches welchen wer wen wem wessen wann wo
    wohin woher wie warum kann kannst konnen bitte sag sage zeig nenne gib dass es er sie sich nicht kein keine noch nun
    jetzt du dein deine gibt man viel viele heisst lautet unter bei aus nach`,
  fr: `le la les l un une des du de d est sont etait a ai as ont avoir etre au aux en dans sur pour par avec et ou que quel
    quelle quels quelles qui quand comment pourquoi combien peux peut veuillez dis donne montre ce cet cette ces il elle ils elles son sa
    ses leur leurs ne pas plus y qu c est-ce s se t tu te ton ta tes vous appelle`,
  es: `el la los las un una unos unas de del es son era fue esta estan ha han tiene tienen hay a al en por para con y o que
    cual cuales quien quienes cuando donde como cuanto cuanta cuantos cuantas puedes dime dame muestra por favor ese esa este
    su sus se lo le les no si mas tu tus ella ellos`,
  pl: `jest sa byl byla bylo sie w we na do z ze o od po przy dla i oraz lub a co jaki jaka jakie jakim jakiej jakiego ktory ktora ktore kto
    kogo komu czyj kiedy gdzie jak dlaczego ile czy prosze powiedz podaj pokaz ten ta to te tego tej jego jej ich nie
    tak juz nazywa ma mamy u`,
  tr: `bir bu su o ve veya ile icin mi mu ne nedir kim kimdir kimin nerede neresi nereden nereye zaman nasil neden hangi
    hangisi kac var yok lutfen soyle goster ver da de onun ki cok olan olarak adi`,
  it: `il lo la i gli le l un uno una di del dello della dei degli delle da dal dalla e sono era ha hanno a al alla ai in
    nel nella su sul per con o che quale quali chi quando dove dov come perche quanto quanta quanti quante puoi dimmi dammi
    mostra questo questa suo sua suoi sue si non piu ci ed cui c qual`,
  pt: `o a os as um uma uns umas de do da dos das e sao era foi esta estao tem ha ao aos em no na nos nas por para com ou
    que qual quais quem quando onde como quanto quanta quantos quantas pode diga mostre favor esse essa este seu sua seus
    suas se nao mais ele ela fica`,
};

const SELF: Readonly<Record<Language, string>> = {
  en: 'my i me mine our ours we us im myself',
  de: 'mein meine meinen meinem meiner meines ich mir mich unser unsere unseren unserem unserer wir uns',
  fr: 'mon ma mes je j moi m notre nos nous me suis',
  es: 'mi mis yo me nuestro nuestra nuestros nuestras tengo vivo trabajo soy',
  pl: 'moj moja moje moi mojej mojego mojemu moim mojemu moja mnie mi ja mam mieszkam pracuje nasz nasza nasze naszej naszego',
  tr: 'benim ben bana beni bizim bize',
  it: 'mio mia miei mie io mi nostro nostra nostri nostre ho vivo lavoro',
  pt: 'meu minha meus minhas eu me nosso nossa nossos nossas moro trabalho',
};

const tableOf = (text: Readonly<Record<Language, string>>): Map<Language, Set<string>> =>
  new Map(LANGUAGES.map((language) => [language, new Set(wordsOf(text[language]))]));

export const LANGUAGES: readonly Language[] = ['en', 'de', 'fr', 'es', 'pl', 'tr', 'it', 'pt'];
const STOP_WORDS = tableOf(STOP);
const SELF_WORDS = tableOf(SELF);

export function isStopWord(word: string, language: Language): boolean {
  return STOP_WORDS.get(language)?.has(word) ?? false;
}

/** Turkish says "my" at the end of the noun: `telefonum`, `karimin`. */
export function isSelfWord(word: string, language: Language): boolean {
  if (SELF_WORDS.get(language)?.has(word) ?? false) return true;
  return language === 'tr' && /(im|um|am|em)(in|un|a|e|i|u|da|de)?$/.test(word) && word.length > 3;
}

/** The language whose small words occur most; English when nothing speaks for another one. */
export function languageOf(words: readonly string[]): Language {
  let best: Language = 'en';
  let bestCount = 0;
  for (const language of LANGUAGES) {
    const count = words.filter(
      (word) => STOP_WORDS.get(language)?.has(word) === true || SELF_WORDS.get(language)?.has(word) === true,
    ).length;
    if (count > bestCount) [best, bestCount] = [language, count];
  }
  return best;
}
