// The usual things notes say about people, companies and households, and how eight languages ask for them. A table.
// `keys` are names a fact may have, `asks` are words of questions that mean it too; `also` may answer in its place.
import { wordsOf } from './words.ts';

export interface Predicate {
  id: string;
  label: string;
  /** One subject has one value at a time: two different ones are a contradiction. */
  isSingle: boolean;
  keys: string[][];
  asks: string[][];
  also: string[];
}

type Row = [id: string, isSingle: boolean, keys: string, asks?: string, also?: string];

const ROWS: Row[] = [
  // people
  [
    'spouse',
    true,
    'spouse|wife|husband|married to|ehefrau|ehemann|frau|mann|femme|mari|epouse|epoux|esposa|esposo|marido|mujer|zona|zone|zony|zonie|maz|mezem|meza|malzonek|es|esi|esim|esimin|karim|kocam|kari|koca|moglie|marito|coniuge|conjuge|mulher',
    'married|verheiratet|marie|casado|casada|evli|sposato',
    'partner',
  ],
  [
    'partner',
    true,
    'partner|girlfriend|boyfriend|freundin|lebensgefahrte|compagne|copine|pareja|novia|novio|partnerka|dziewczyna|sevgili|compagna|fidanzata|namorada|companheira',
    '',
    'spouse',
  ],
  [
    'child',
    false,
    'child|children|kid|kids|kind|kinder|enfant|enfants|hijos|dzieci|dziecko|cocuk|cocuklar|cocugum|figli|filhos',
    '',
    'son|daughter',
  ],
  ['son', false, 'son|sohn|fils|hijo|syn|syna|ogul|oglum|oglu|figlio|filho', '', 'child'],
  ['daughter', false, 'daughter|tochter|fille|hija|corka|corki|kiz|kizim|kizimin|figlia|filha', '', 'child'],
  ['mother', true, 'mother|mom|mum|mutter|mere|madre|matka|mama|matki|anne|annem|mae', '', 'parents'],
  ['father', true, 'father|dad|vater|pere|padre|ojciec|ojca|tata|baba|babam|pai', '', 'parents'],
  ['parents', false, 'parents|eltern|rodzice|genitori|pais|ebeveyn'],
  ['brother', false, 'brother|bruder|frere|hermano|brat|brata|erkek kardes|abi|fratello|irmao', '', 'sibling'],
  ['sister', false, 'sister|schwester|soeur|hermana|siostra|siostry|kiz kardes|abla|sorella|irma', '', 'sibling'],
  [
    'sibling',
    false,
    'sibling|siblings|geschwister|rodzenstwo|kardes|kardesim|kardesimin|fratelli|irmaos',
    '',
    'brother|sister',
  ],
  ['friend', false, 'friend|freund|ami|amie|amigo|amiga|przyjaciel|arkadas|arkadasim|amico'],
  [
    'neighbour',
    false,
    'neighbour|neighbor|nachbar|nachbarin|voisin|voisine|vecino|vecina|sasiad|sasiadka|komsu|vicino|vizinho|vizinha',
  ],
  [
    'manager',
    true,
    'manager|boss|reports to|supervisor|vorgesetzter|vorgesetzte|chef|chefin|jefe|jefa|szef|szefowa|przelozony|patron|mudur|yonetici|capo|chefe|gerente',
    'report to',
    'ceo',
  ],
  ['colleague', false, 'colleague|coworker|kollege|kollegin|collegue|colega|wspolpracownik|meslektas|collega'],
  ['assistant', true, 'assistant|assistent|assistentin|assistante|asistente|asystent|asystentka|asistan|assistente'],
  ['team', false, 'team|members|mannschaft|equipe|equipo|zespol|ekip|takim|squadra'],
  [
    'full name',
    true,
    'full name|legal name|surname|nachname|nom complet|apellido|nazwisko|soyad|cognome|sobrenome',
    'full name',
  ],
  ['nickname', true, 'nickname|goes by|spitzname|surnom|apodo|przezwisko|lakap|soprannome|apelido'],
  [
    'birth date',
    true,
    'birth date|birthdate|date of birth|birthday|born|dob|geburtsdatum|geburtstag|geboren|date de naissance|naissance|anniversaire|ne le|fecha de nacimiento|nacimiento|cumpleanos|data urodzenia|urodziny|urodzin|urodzony|dogum tarihi|dogum gunu|dogum|data di nascita|nascita|compleanno|data de nascimento|nascimento|aniversario',
    'ne|nee|nacio|nacido|urodzil|urodzila|dogdu|nato|nata|nasceu|old|alt|age',
  ],
  [
    'age',
    true,
    'age|alter|edad|wiek|yas|eta|idade',
    'old|years old|how old|alt|ans|quel age|anos|lat|yasinda|anni',
    'birth date',
  ],
  [
    'birth place',
    true,
    'birth place|birthplace|place of birth|geburtsort|lieu de naissance|lugar de nacimiento|miejsce urodzenia|dogum yeri|luogo di nascita|local de nascimento',
    'born in|where born',
  ],
  [
    'nationality',
    true,
    'nationality|citizenship|staatsangehorigkeit|nationalite|nacionalidad|narodowosc|obywatelstwo|uyruk|nazionalita|nacionalidade',
  ],
  [
    'language',
    false,
    'language|languages|sprache|sprachen|langue|langues|idioma|idiomas|jezyk|jezyki|dil|diller|lingua|lingue',
    'speak|speaks|spricht|parle|habla|mowi|konusuyor|parla|fala',
  ],
  [
    'anniversary',
    true,
    'anniversary|wedding|wedding date|hochzeitstag|hochzeit|mariage|boda|rocznica|slub|evlilik|yildonumu|matrimonio|casamento',
    'get married',
  ],
  // how to reach
  [
    'phone',
    true,
    'phone|telephone|mobile|cell|phone number|tel|telefon|telefonnummer|handy|handynummer|rufnummer|portable|numero de telephone|telefono|movil|celular|numer telefonu|komorka|telefon numarasi|telefon numaram|cep|cellulare|numero di telefono|telefone|telemovel',
    'call|reach by phone|anrufen|appeler|llamar|zadzwonic|aramak|chiamare|ligar',
  ],
  [
    'email',
    true,
    'email|e mail|mail|mail address|email address|courriel|correo|correo electronico|poczta|eposta|e posta|posta elettronica|adresse mail',
    'write to',
  ],
  [
    'address',
    true,
    'address|home address|street|adresse|anschrift|wohnort|strasse|domicile|direccion|domicilio|adres|ulica|indirizzo|endereco|morada|rua|ev adresi',
    'live|lives|living|reside|resides|wohnt|wohne|wohnen|lebt|habite|habitent|vive|vivo|vivimos|mieszka|mieszkam|yasiyor|yasiyorum|oturuyor|abita|abito|mora|moro',
    'home|city|location',
  ],
  ['home', true, 'lives in|home|residence|zuhause|maison|casa|dom|ev|moved to', '', 'address|city'],
  [
    'city',
    true,
    'city|town|stadt|ville|ciudad|miasto|sehir|citta|cidade',
    'live|lives|wohnt|habite|vive|mieszka|yasiyor|abita|mora',
    'location|address|home',
  ],
  [
    'location',
    true,
    'location|place|venue|standort|ort|lieu|emplacement|ubicacion|lugar|lokalizacja|miejsce|konum|yer|luogo|posizione|localizacao|local',
    'located|kept|stored|liegt|situe|ubicado|polozony|situato',
    'city|address|headquarters',
  ],
  [
    'headquarters',
    true,
    'headquarters|hq|head office|hauptsitz|firmensitz|sitz|zentrale|siege|siege social|sede|sede central|siedziba|siedzibe|merkez|genel merkez|merkezi',
    'based|ansassig|base|basado|basada|basata|sediada|located',
    'location|city',
  ],
  ['website', true, 'website|url|homepage|webseite|site web|sitio web|strona|web sitesi|sito|site'],
  [
    'contact',
    false,
    'contact|contact person|ansprechpartner|ansprechpartnerin|kontakt|interlocuteur|contacto|osoba kontaktowa|irtibat|yetkili|contatto|referente|contato',
    'reach',
    'owner',
  ],
  [
    'emergency contact',
    true,
    'emergency contact|notfallkontakt|contact d urgence|contacto de emergencia|kontakt alarmowy|acil durum kisisi|contatto di emergenza|contato de emergencia',
    'in an emergency|in case of emergency|notfall',
  ],
  // work
  [
    'employer',
    true,
    'employer|company|works at|works for|workplace|arbeitgeber|firma|arbeitsplatz|employeur|entreprise|empresa|empleador|pracodawca|miejsce pracy|isveren|sirket|is yeri|isyeri|azienda|datore di lavoro|empregador',
    'work|works|working|employed|arbeitet|arbeite|arbeiten|travaille|travailles|trabaja|trabajo|pracuje|calisiyor|calisiyorum|lavora|lavoro|trabalha|trabalho',
    'job',
  ],
  [
    'job',
    true,
    'job|job title|occupation|profession|role|position|title|works as|beruf|stelle|metier|poste|travail|trabajo|profesion|puesto|zawod|praca|stanowisko|meslek|mesleki|is unvani|unvan|professione|lavoro|mestiere|profissao|cargo|trabalho',
    'do for a living|for a living|what does do|beruflich',
    'employer',
  ],
  ['department', true, 'department|abteilung|departement|departamento|dzial|bolum|reparto|division'],
  [
    'salary',
    true,
    'salary|pay|gehalt|lohn|salaire|salario|sueldo|pensja|wynagrodzenie|maas|stipendio',
    'earn|earns|verdient',
  ],
  [
    'owner',
    true,
    'owner|account owner|account manager|lead|project lead|responsible|owned by|inhaber|besitzer|verantwortlich|verantwortliche|leiter|leitung|proprietaire|responsable|propietario|dueno|duena|duenio|wlasciciel|wlascicielem|odpowiedzialny|sahibi|sahip|sorumlu|proprietario|titolare|dono|responsavel',
    'owns|runs|leads|in charge|charge|besitzt|leitet|dirige|prowadzi',
    'manager|ceo',
  ],
  [
    'ceo',
    true,
    'ceo|chief executive|managing director|geschaftsfuhrer|geschaftsfuhrerin|pdg|directrice generale|director general|prezes|genel mudur|amministratore delegato|diretor',
    '',
    'owner',
  ],
  [
    'founder',
    false,
    'founder|founded by|grunder|grunderin|fondateur|fondatrice|fundador|fundadora|zalozyciel|kurucu|fondatore',
    'founded|gegrundet|fonde|fundo|zalozyl|kurdu|fondato|fundou',
  ],
  [
    'founded',
    true,
    'founded|established|grundungsjahr|gegrundet|fonde en|fundacion|zalozona|kurulus|fondata|fundada|year founded',
    'founded|established|gegrundet',
  ],
  ['industry', true, 'industry|sector|branche|secteur|branza|sektor|settore|setor'],
  [
    'employees',
    true,
    'employees|headcount|staff|mitarbeiter|effectif|salaries|empleados|pracownicy|calisan sayisi|dipendenti|funcionarios',
    'people work|how many people',
  ],
  [
    'client',
    false,
    'client|clients|customer|customers|kunde|kunden|cliente|clientes|klient|klienci|klientow|musteri|musteriler|clienti',
  ],
  ['supplier', false, 'supplier|vendor|lieferant|fournisseur|proveedor|dostawca|tedarikci|fornitore|fornecedor'],
  [
    'project',
    false,
    'project|projects|projekt|projekte|projet|projets|proyecto|proyectos|projekty|proje|projeler|progetto|progetti|projeto|projetos',
  ],
  ['status', true, 'status|state|stand|statut|etat|estado|stan|durum|stato|situacao', 'going|progress'],
  [
    'deadline',
    true,
    'deadline|due|due date|go live|launch date|frist|abgabe|termin|echeance|date limite|fecha limite|plazo|termin oddania|son tarih|teslim|scadenza|prazo',
    'due|finished by|launch|fallig',
    'end date',
  ],
  [
    'start date',
    true,
    'start date|started|since|start|begin|beginn|startdatum|debut|date de debut|inicio|fecha de inicio|data rozpoczecia|baslangic|inizio',
    'begin|began|starts|started|joined',
  ],
  [
    'end date',
    true,
    'end date|ends|expires|expiry|expiry date|valid until|ablauf|ablaufdatum|gultig bis|fin|expiration|caducidad|vencimiento|data waznosci|wazny do|bitis|gecerlilik|scade|validade',
    'expire|expires|end|ends|lauft ab',
    'renewal date|deadline',
  ],
  [
    'renewal date',
    true,
    'renewal date|renewal|renews on|next due|next|verlangerung|vertragsverlangerung|renouvellement|renovacion|odnowienie|data odnowienia|yenileme|rinnovo|renovacao',
    'renew|renews|renewed',
  ],
  ['budget', true, 'budget|presupuesto|budzet|butce|orcamento|preventivo'],
  [
    'price',
    true,
    'price|cost|costs|fee|rate|hourly rate|preis|kosten|gebuhr|prix|cout|tarif|precio|coste|costo|tarifa|cena|koszt|stawka|fiyat|ucret|maliyet|prezzo|tariffa|preco|custo',
    'how much|cost|costs|pay|kostet|coute|cuesta|kosztuje|costa|custa',
  ],
  ['rent', true, 'rent|miete|loyer|alquiler|czynsz|kira|affitto|aluguel|renda'],
  [
    'revenue',
    true,
    'revenue|arr|annual revenue|umsatz|chiffre d affaires|ingresos|przychod|gelir|ciro|fatturato|receita',
  ],
  ['contract', false, 'contract|vertrag|contrat|contrato|umowa|sozlesme|contratto'],
  [
    'approval',
    false,
    'approval|approver|approves|approved by|signs off|genehmigung|freigabe|approbation|aprobacion|zatwierdzenie|onay|approvazione|aprovacao',
    'approve|sign off|signs|genehmigt|genehmigen|approuver|aprueba|zatwierdza|onaylar|approva|aprova',
  ],
  [
    'response time',
    true,
    'response time|reaction time|sla|reaktionszeit|temps de reponse|delai de reponse|tiempo de respuesta|czas reakcji|yanit suresi|tempo di risposta|tempo de resposta',
    'respond|react|quickly',
  ],
  ['decision', false, 'decision|decisions|entscheidung|decyzja|karar|decisione|decisao', 'decide|decided'],
  [
    'next step',
    false,
    'next step|next steps|nachste schritte|prochaine etape|proximo paso|nastepny krok|sonraki adim|prossimo passo|proximo passo',
  ],
  ['risk', false, 'risk|risks|risiko|risiken|risque|riesgo|ryzyko|rischio|risco'],
  // health
  [
    'allergy',
    false,
    'allergy|allergies|allergic|allergic to|allergie|allergien|allergisch|allergique|alergia|alergias|alergico|alergie|uczulenie|uczulony|uczulona|alerji|alerjisi|alerjik|allergia|allergico|allergica',
  ],
  ['intolerance', false, 'intolerance|unvertraglichkeit|intolerancia|nietolerancja|intolleranza|intolerante'],
  [
    'medication',
    false,
    'medication|medicine|drug|drugs|medikament|medikamente|medicament|medicaments|traitement|medicamento|lek|leki|lekarstwo|ilac|ilaclar|ilaci|farmaco|medicina|remedio',
    'prescribed',
  ],
  ['dose', true, 'dose|dosage|dosis|posologie|dawka|doz|dosaggio|dosagem'],
  [
    'doctor',
    true,
    'doctor|gp|physician|family doctor|medecin traitant|medico de cabecera|medico de familia|medico da familia|lekarz rodzinny|aile hekimi|medico di famiglia|medico di base|arzt|arztin|hausarzt|hausarztin|medecin|medico|medica|lekarz|lekarza|lekarka|doktor|doktorum|doktorumun|dottore|dottoressa',
  ],
  ['dentist', true, 'dentist|zahnarzt|zahnarztin|dentiste|dentista|dentysta|dentystka|dis hekimi|disci'],
  ['vet', true, 'vet|veterinarian|tierarzt|tierarztin|veterinaire|veterinario|weterynarz|veteriner|veterinaria'],
  [
    'blood type',
    true,
    'blood type|blood group|blutgruppe|groupe sanguin|grupo sanguineo|tipo de sangre|grupa krwi|kan grubu|gruppo sanguigno|tipo sanguineo',
  ],
  [
    'vaccination',
    false,
    'vaccination|vaccine|impfung|impfungen|vaccin|vacuna|szczepienie|szczepionka|asi|vaccino|vacina',
    'vaccinated',
  ],
  ['diet', true, 'diet|ernahrung|regime|dieta|diyet'],
  [
    'appointment',
    false,
    'appointment|next appointment|check up|checkup|next visit|arzttermin|rendez vous|cita|wizyta|randevu|appuntamento|consulta',
    'visit',
  ],
  [
    'insurance',
    true,
    'insurance|insurer|health insurance|versicherung|krankenkasse|krankenversicherung|assurance|mutuelle|seguro|aseguradora|ubezpieczenie|sigorta|assicurazione',
  ],
  // home and life
  [
    'pet',
    false,
    'pet|pets|haustier|haustiere|animal|animaux|mascota|mascotas|zwierze|zwierzak|evcil hayvan|animale domestico|animali|animal de estimacao',
    '',
    'dog|cat',
  ],
  ['dog', false, 'dog|hund|chien|perro|pies|psa|kopek|kopegim|kopegimin|cane|cachorro|cao', '', 'pet'],
  ['cat', false, 'cat|katze|kater|chat|chatte|gato|gata|kot|kota|kotka|kedi|kedim|kedimin|gatto|gatta', '', 'pet'],
  ['breed', true, 'breed|rasse|race|raza|rasa|cins|razza|raca'],
  [
    'school',
    true,
    'school|kindergarten|schule|ecole|escuela|colegio|szkola|szkoly|szkole|okul|okulu|okula|scuola|escola',
    'go to school|attend|attends',
  ],
  [
    'university',
    true,
    'university|college|degree|studied|studium|universitat|universite|universidad|universita|universidade|studia|uczelnia|universite',
    'study|studied|studiert|etudie|estudio|studiowal|okudu|studiato|estudou',
  ],
  [
    'teacher',
    true,
    'teacher|class teacher|lehrer|lehrerin|klassenlehrerin|professeur|enseignant|maestro|maestra|profesor|profesora|nauczyciel|nauczycielka|wychowawczyni|ogretmen|ogretmeni|insegnante|professor|professora',
  ],
  [
    'favourite',
    false,
    'favourite|favorite|preferred|preferences|lieblings|lieblingsessen|lieblingsfarbe|lieblingsbuch|prefere|preferee|favori|preferido|preferida|favorito|favorita|ulubiony|ulubiona|ulubione|ulubionego|en sevdigi|en sevdigim|favori|preferito|preferita',
    'like best|likes best|like most|likes most|prefer|prefers|mag',
  ],
  ['colour', true, 'colour|color|farbe|lieblingsfarbe|couleur|kolor|renk|rengi|colore|cor'],
  [
    'food',
    false,
    'food|dish|meal|essen|gericht|lieblingsessen|lieblingsgericht|plat|nourriture|comida|plato|jedzenie|danie|potrawa|yemek|yemegi|yemegim|cibo|piatto|prato',
    'eat|eats',
  ],
  ['drink', false, 'drink|getrank|boisson|bebida|napoj|icecek|bevanda', 'drinks|trinkt|boit|bebe'],
  ['coffee', false, 'coffee|kaffee|cafe|kawa|kahve|caffe'],
  ['book', false, 'book|books|buch|bucher|livre|livres|libro|libros|ksiazka|ksiazki|kitap|kitabi|libri|livro'],
  ['author', true, 'author|autor|autorin|auteur|yazar|autore', 'wrote|written by'],
  ['music', false, 'music|band|musik|musique|musica|muzyka|muzik'],
  [
    'hobby',
    false,
    'hobby|hobbies|interests|pastime|freizeit|loisir|loisirs|aficion|aficiones|zainteresowania|hobi|passatempo',
    'free time|fun|like to do|freizeit',
  ],
  ['sport', false, 'sport|sports|deporte|spor|esporte'],
  [
    'car',
    true,
    'car|vehicle|auto|wagen|fahrzeug|voiture|coche|carro|samochod|araba|arabam|arabamin|macchina',
    'drive|drives',
  ],
  [
    'licence plate',
    true,
    'licence plate|license plate|plate|registration|kennzeichen|nummernschild|plaque|immatriculation|matricula|tablica rejestracyjna|rejestracja|plaka|plakasi|targa|placa',
  ],
  ['inspection', true, 'inspection|next inspection|mot|tuv|controle technique|itv|przeglad|muayene|revisione|inspecao'],
  ['password', true, 'password|passcode|pin|passwort|kennwort|mot de passe|contrasena|haslo|sifre|senha'],
  ['wifi', true, 'wifi|wi fi|wlan|wireless'],
  [
    'landlord',
    true,
    'landlord|vermieter|vermieterin|proprietaire|casero|wynajmujacy|ev sahibi|padrone di casa|senhorio',
  ],
  [
    'account',
    true,
    'iban|account number|bank account|kontonummer|numero de compte|numero de cuenta|numer konta|hesap numarasi|conto',
    '',
    '',
  ],
  ['passport', true, 'passport|reisepass|passeport|pasaporte|paszport|pasaport|passaporto|passaporte'],
  [
    'trip',
    false,
    'trip|travel|holiday|vacation|reise|urlaub|voyage|vacances|viaje|vacaciones|podroz|wakacje|urlop|seyahat|tatil|viaggio|vacanza|viagem|ferias',
  ],
  [
    'hotel',
    true,
    'hotel|accommodation|unterkunft|hebergement|alojamiento|nocleg|konaklama|alloggio|alojamento',
    'stay|staying',
  ],
  ['flight', false, 'flight|flug|vol|vuelo|lot|ucus|volo|voo'],
  [
    'shoe size',
    true,
    'shoe size|schuhgrosse|pointure|talla de zapato|numer buta|rozmiar buta|ayakkabi numarasi|numero di scarpe',
  ],
  ['gift', false, 'gift|gift idea|gift ideas|present|geschenk|geschenkidee|cadeau|regalo|prezent|hediye|presente'],
  ['time', true, 'time|schedule|horaire|horario|uhrzeit|heure|hora|godzina|saat|orario', 'what time'],
  [
    'frequency',
    true,
    'frequency|how often|haufigkeit|frequence|frecuencia|czestotliwosc|siklik|frequenza',
    'often|oft|souvent|czesto',
  ],
];

const phrases = (text: string | undefined): string[][] =>
  (text ?? '')
    .split('|')
    .map(wordsOf)
    .filter((phrase) => phrase.length > 0);

export const PREDICATES: readonly Predicate[] = ROWS.map(([id, isSingle, keys, asks, also]) => ({
  id,
  label: id,
  isSingle,
  keys: phrases(keys),
  asks: phrases(asks),
  also: (also ?? '').split('|').filter((name) => name !== ''),
}));

/** Said beside a predicate they tell which note is meant: "the phone of the hotel" is the phone in the note with a hotel. */
export const THINGS: ReadonlySet<string> = new Set(
  'hotel,flight,car,insurance,contract,trip,wifi,school,medication,vaccination,appointment,pet,dog,cat'.split(','),
);

/** Facts found behind another one: a child's teacher stands in the note of the school. */
export const FOUND_BEHIND: ReadonlyMap<string, readonly string[]> = new Map([
  ['teacher', ['school', 'university']],
  ['vet', ['pet', 'dog', 'cat']],
  ['breed', ['pet', 'dog', 'cat']],
]);

const BY_ID = new Map(PREDICATES.map((predicate) => [predicate.id, predicate]));

export function predicateById(id: string): Predicate | undefined {
  return BY_ID.get(id);
}
