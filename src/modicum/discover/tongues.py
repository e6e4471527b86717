"""What tells a task in nine languages beside English: expressions by language and sign (`signs.py`). Others stand in `tongues_other.py`.

Stems and not words, since most of these languages inflect; a script without spaces has no word edge to look for.
"""

from __future__ import annotations

from modicum.discover.tongues_other import OTHERS

_MALAY = {  # and Indonesian
    "summarise": r"\b(?:me)?(?:ringkas|rangkum)|\bikhtisar|\b(?:buat|cipta|beri|cadang|jana|hasil|reka)\w*\b[^.\n]{0,20}\b(?:tajuk"
    r"|judul)\b|\bpendekkan\b",
    "translate": r"terjemah|\b(?:tukar|alih|ubah|salin)\w*\b[^.\n⟨]{0,60}\b(?:ke|kepada|ke dalam) (?:dalam )?bahasa\b",
    "classify": r"klasifikasi|\b(?:kelaskan|kategorikan|golongkan|asingkan|tentukan (?:kategori|jenis|sama ada|apakah)|kategori"
    r"|sentimen|niat pengguna)\b",
    "extract": r"ekstrak|\bkeluarkan\b|\bsarikan\b|\b(?:senaraikan|cari|kenal pasti|sebutkan) (?:semua|setiap|pihak|nama)"
    r"|\b(?:dapatkan|ambil|petik|salin)\b[^.\n⟨]{0,80}\b(?:daripada|dari)\b|\b(?:daripada|dari)\b[^.\n⟨]{0,60}\b(?:senaraikan"
    r"|dapatkan|ambil|keluarkan)\b",
    "score": r"\bskor\b|\bpenarafan|\bberi(?:kan)? (?:nilai|markah|bintang)",
    "scale": r"\bskala\b|\bdaripada [1-9]0? hingga \d+|\bdari \d+ (?:hingga|sampai) \d+",
    "answer": r"\bjawab",
    "given_ground": r"\b(?:petikan|konteks|dokumen|teks) (?:berikut|di atas|di bawah|yang diberi)|\bberdasarkan\b"
    r"|\bgunakan? (?:hanya )?(?:dokumen|petikan|maklumat|konteks|rujukan)|\bmengikut (?:teks|dokumen|petikan)",
    "passage": r"\bpetikan|\bkonteks|\bdokumen|\blampiran|\bdilampirkan|\bmaklumat (?:berikut|di bawah)|\brujukan\b"
    r"|\bteks (?:di bawah|berikut)|\bartikel (?:di bawah|berikut)",
    "question": r"\b(?:soalan|pertanyaan|tanya|bertanya)(?: \w+)?[\s:=\"'*#]{0,6}⟨",
    "cite": r"\b(?:nyatakan|sebut(?:kan)?) sumber|\b(?:sebut|nyatakan|petik)\w* (?:tajuk|nombor|nama) (?:dokumen|petikan|artikel"
    r"|muka)|\bhanya (?:dokumen|petikan|konteks|maklumat)|\bjika (?:tiada|tidak ada|jawapan tiada"
    r"|maklumat tiada)[^.\n]{0,60}\b(?:tidak tahu|tak tahu|minta|maklumkan)",
    "make_text": r"\b(?:tulis|karang|cipta|hasilkan|buat(?:kan)?|sediakan|balas|susun|draf|jana|reka)(?:kan|lah)?\b(?! ?[\"'“‘])"
    r"|\b(?:menulis|mengarang|menghasilkan|membuat(?:kan)?|menyediakan|merumuskan|merangka|menjana)\b",
    "rework": r"\b(?:perbaiki|betulkan|ubah(?:suai)?|permudah|sunting|parafrasa)|\bparafras|\b(?:me)?(?:tulis"
    r"|nulis)(?:kan)? (?:semula|ulang)|\bmemparafras",
    "options": r"\bsalah satu (?:daripada|dari)\b|\b(?:pilihan|label|kategori)(?:nya)?\s*:",
    "choose": r"\bpilih",
    "yes_no_words": r"\bya (?:atau|/) tidak\b",
    "play": r"\b(?:anda|awak|kamu) (?:ialah|adalah)\b",
    "agent": r"\bejen (?:automatik|autonomi|ai)\b|\b(?:panggil|memanggil|guna|menggunakan)\w* (?:alat|fungsi|tool)"
    r"|\balat(?:an)? (?:berikut|yang ada)|\b(?:tindakan|aksi|action)\b[\s\S]{0,80}\b(?:pemerhatian|observasi|pengamatan)\b",
    "rank": r"\b(?:susun|urut|isih|peringkat)\w*\b[^.\n]{0,80}\b(?:kaitan|relevan|berkaitan|kesesuaian|paling)",
    "one_word": r"\b(?:satu|sepatah) (?:perkataan|kata)\b|\b(?:kategori|label|kelas|jabatan) sahaja\b",
    "absent": r"\bjika (?:tiada|tidak (?:ada|disebut)|maklumat)[^.\n]{0,40}\b(?:null|tiada|kosong)\b",
    "either_or": r"\b[\w'-]+, [\w'-]+,? atau [\w'-]+",
    "persona": r"\b(?:mesra|santai|sopan)\b|\bberbual\b",
    "tell_of": r"\b(?:terangkan|jelaskan|huraikan|selesaikan|nasihatkan)\b",
    "records": r"\b(?:ubah|tukar|jadikan|format)\b[^.\n]{0,60}\bjson\b",
}
_CHINESE = {
    "summarise": r"总结|概括|摘要|概要|归纳|标题|總結|概述|压缩成|壓縮成|缩写|精简|精簡|快讯|要点|要點|缩短|一句话|標題",
    "translate": r"翻译|译成|译为|翻譯|翻成|译员|译者|譯成|譯為|译文|中译|英译|译作",
    "classify": r"分类|归类|类别|归入|属于哪|判断|情感|分類|歸類|類別|判斷|是否|意图|意圖|情绪|哪一类|哪类|分流|分派",
    "extract": r"提取|抽取|识别出|找出|找出|擷取|抓取|填null|填写以下字段|以下字段|列出(?:文中|所有|全部)",
    "score": r"评分|打分|分数|星级|評分|打個分|给分|满分|滿分|几分",
    "scale": r"分制|[1一]\s*(?:到|至|-|~)\s*(?:5|10|五|十)",
    "answer": "回答",
    "given_ground": r"根据|基于|依据|依照|仅依据|參考|参考(?:以下|下面)|已知信息|結合",
    "passage": r"上下文|文档|资料|段落|文章|資料|已知信息|知识库|知識庫|片段|材料|文件|上文|下文|文本中|文章中|摘录|以下内容|内容中",
    "question": r"(?:问题|提问)[\s:：=\"'*#]{0,6}⟨|(?:用户|员工|客户|學生|学生)?(?:的)?(?:问题|提问|問題|提問|询问)[\s:：=\"'*#]{0,6}⟨",
    "cite": r"引用|注明来源|标明来源|标注(?:资料|片段|来源|出处|编号)|标明出处|注明出处|(?:无法|不能)(?:从中|根据)|(?:没有"
    r"|沒有)的内容不|不知道”|仅(?:依据|根据)|只(?:依据|根据)",
    "make_text": r"写一|撰写|生成|创作|编写|起草|拟写|帮我写|幫我寫|撰寫|寫一|文案|起名|写出|写个|想一|设计一",
    "rework": r"改写|润色|纠正|修改|重写|简化|重构|改得|改成|改為|潤色|翻写|扩写|续写|纠错|修正",
    "options": r"(?:类别|标签|选项|分类|候选)[^。\n]{0,8}[:：]|其中之一|之一|以下(?:类别|选项|标签)|一个最合适|最合适的|以下意图|從以下",
    "choose": "选择|选出",
    "yes_no_words": "是(?:或|还是|/)否|是不是",
    "play": "你是|您是",
    "one_word": r"只(?:输出|回答|返回|给出|需)[^。\n]{0,8}(?:名称|类别|标签|意图|编号|“|是或否)",
    "absent": r"(?:缺失|没有|未提及|不存在)[^。\n]{0,12}(?:null|空|无)|不要编造",
    "agent": r"(?:使用|调用|調用|利用)[^。\n]{0,8}(?:工具|函数|函數|接口)|(?:以下|下列|可用)(?:的)?工具|智能体|智能體|(?:行动"
    r"|行動|动作)[\s\S]{0,40}(?:观察|觀察)",
    "rank": r"排序|重排|排列|相关(?:程度|性|度)(?:从|由|排)",
    "persona": r"聊天|语气|口吻|扮演|闲聊|陪",
    "tell_of": r"解释|解釋|说明一下|讲解|解答|求解|给出建议",
    "records": r"(?:转换|整理|转为|转成|輸出)[^。\n]{0,16}(?:json|表格|结构化)",
}
_TAMIL = {
    "summarise": "சுருக்க|சுருங்க",
    "translate": r"மொழிபெயர்|மொழி பெயர்|தமிழாக்க|மொழிமாற்ற|ஆங்கிலத்திற்கு மாற்ற|தமிழில் மாற்ற",
    "classify": r"வகைப்படுத்|வகையை|உணர்வு|எந்த வகை|வகைப்பாடு|பிரிவு எது|நேர்மறை",
    "extract": r"பிரித்தெடு|எடுத்து எழுது|கண்டறி|எடுத்துத் தர|பெயர்களைப் பட்டியலிட|பட்டியலிடவும்",
    "score": "மதிப்பெண்|மதிப்பிடு",
    "scale": "அளவில்|முதல் (?:5|10) வரை",
    "answer": "பதில்|பதிலளி|விடை",
    "given_ground": r"அடிப்படையில்|பின்வரும் (?:பத்தி|ஆவண)|(?:பத்தி|உரை|ஆவண)[^.\n]{0,12}(?:படித்து|கொண்டு|வைத்து)",
    "passage": r"பத்தி|ஆவண|சூழல்|உரை(?:யை|யின்)|ஆவணங்கள்",
    "question": r"கேள்வி[\s:=\"'*#]{0,6}⟨|கேள்வி(?:க்கு)?[\s:=\"'*#]{0,6}⟨",
    "cite": r"மேற்கோள்|ஆதாரத்தை|(?:இல்லை|இல்லாவிட்டால்|இல்லையெனில்)[^.\n]{0,30}தெரியாது|மட்டும் பயன்படுத்தி",
    "make_text": "எழுத|உருவாக்க",
    "rework": r"திருத்த|மாற்றி எழுது|எளிமை|மீண்டும் எழுது",
    "options": r"(?:வகைகள்|விருப்பங்கள்|குறிச்சொல்)[^.\n]{0,10}:|பின்வரு[^.\n]{0,40}ஒன்ற|(?:இவற்றில்|கீழ்க்கண்ட)[^.\n]{0,40}ஒன்ற",
    "choose": "தேர்ந்தெடு|தேர்வு செய்",
    "yes_no_words": "ஆம் (?:அல்லது|/) இல்லை",
    "play": "நீங்கள் ஒரு|நீ ஒரு",
    "agent": r"முகவர்|கருவிகள|(?:செயல்)[\s\S]{0,40}(?:கவனிப்பு|அவதானிப்பு)",
    "rank": r"தரவரிசை|வரிசைப்படுத்",
    "one_word": r"ஒரே (?:சொல்|வார்த்தை)|ஒரு (?:சொல்|வார்த்தை)யில்|ஒன்றை மட்டும்",
    "absent": r"இல்லையெனில்[^.\n]{0,20}(?:null|காலி)",
    "persona": r"நட்பாக|அன்பாக",
    "tell_of": r"விளக்க",
}
_ARABIC = {
    "summarise": r"لخص|لخّص|تلخيص|ملخص|موجز|اختصر|ألخص|خلاصة|أوجز|موجزا|عنوان(?:ا|اً)? (?:قصير|مناسب|لـ)",
    "translate": r"ترجم|مترجم|(?:انقل|حوّل|حول)[^.\n⟨]{0,60}(?:إلى|الى) (?:اللغة )?(?:ال)?(?:عربية|إنجليزية|انجليزية|فرنسية|صينية"
    r"|ملايوية|إسبانية|ألمانية)",
    "classify": r"صنف|صنّف|تصنيف|فئة|مشاعر|حدد (?:ما إذا|نوع|فئة|القسم)|هل (?:هذا|هذه)|فرز|إيجابية? (?:أم|أو)|سلبية? (?:أم|أو)"
    r"|نية المستخدم|المناسب من القائمة",
    "extract": r"استخر[اج]|استخلص|دوّن|دوِّن|كما وردت|اذكر (?:جميع|كل|أسماء)|استخراج|ابحث عن جميع",
    "score": r"قيم |قيّم|تقييم|درجة|أعط (?:درجة|علامة|تقدير)|قيِّم",
    "scale": r"مقياس|من 1 إلى|من ١ إلى",
    "answer": r"أجب|اجب|الإجابة|رد على|للرد|جاوب",
    "given_ground": r"بناء على|بناءً على|استناد|اعتمادا على|اعتماداً على|وفق|بالاعتماد|اعتمد على|من النص|من السياق|بالرجوع|في ضوء"
    r"|وفقا|استخدم(?:ها|ه)? وحد|باستخدام (?:النص|السياق|المقاطع|الوثائق)",
    "passage": r"السياق|المقطع|المستند|الوثيقة|الفقرة|النص (?:أدناه|التالي|المرفق)|^النص|المقاطع|مقاطع|الوثائق|وثائق|المستندات"
    r"|مستندات|المصادر التالية|محتوى|الملف|المعطيات|السياق/|المقال (?:أدناه|التالي)",
    "question": r"(?:السؤال|سؤال)[\s:=\"'*#]{0,6}⟨|(?:السؤال|سؤال|الاستفسار)(?: \w+)?[\s:=\"'*#]{0,6}⟨",
    "cite": r"اذكر المصدر|المصادر|اذكر (?:رقم|اسم|عنوان) (?:المقطع|المصدر|الوثيقة|المستند)|(?:لم تجد|لا يوجد|لم يرد"
    r"|ليس)[^.\n]{0,40}(?:لا تعرف|لا أعرف|لا أعلم)|(?:النص|السياق|المقاطع|المستندات)[^.\n]{0,12} فقط|وحدها",
    "make_text": r"اكتب|أنشئ|انشئ|ألّف|ألف |صغ |حرر |اقترح|ألِّف|أعد رسالة|جهز",
    "rework": "أعد صياغة|أعد كتابة|صحح|صحّح|بسّط|بسط ",
    "options": r"(?:الفئات|الخيارات|التصنيفات)[^.\n]{0,12}:|(?:أحد|إحدى|واحدة? من|واحد مما)|القائمة التالية|من بين|القسم المناسب",
    "choose": "اختر",
    "yes_no_words": "نعم أو لا|بنعم",
    "play": r"\bأنت\b",
    "either_or": r"\S+ أم \S+",
    "one_word": r"بكلمة واحدة|كلمة واحدة|(?:الفئة|التصنيف|القسم) فقط",
    "absent": r"(?:لم تُذكر|لم تذكر|غير متوفر|غير موجود|إذا لم)[^.\n]{0,30}(?:null|غير مذكور|فارغ)",
    "agent": r"وكيل (?:ذكي|آلي|مستقل)|(?:استدعاء|استخدام|استخدم) (?:ال)?(?:أدوات|أداة|وظائف|دوال)|الأدوات (?:التالية|المتاحة)"
    r"|(?:الإجراء|الفعل)[\s\S]{0,40}(?:الملاحظة)",
    "rank": r"رتّب|رتب |ترتيب [^.\n]{0,40}صلة|حسب (?:الصلة|صلتها|الأهمية)",
    "persona": r"تحدث مع|بلطف|بأسلوب ودود|محادثة",
    "tell_of": r"اشرح|فسّر|فسر |وضّح|وضح |حُلّ|حل المسألة|علّم",
    "records": r"(?:حوّل|حول)[^.\n]{0,40}json",
}
_HINDI = {
    "summarise": "सारांश|संक्षेप",
    "translate": "अनुवाद",
    "classify": "वर्गीकृत|वर्गीकरण|श्रेणी|भावना",
    "extract": "निकाल(?:ें|ो|िए)|छाँट",
    "score": r"अंक दें|अंक दीजिए|रेटिंग|स्कोर",
    "scale": "पैमाने|1 से (?:5|10)",
    "answer": "उत्तर|जवाब",
    "given_ground": "के आधार पर|के अनुसार",
    "passage": "संदर्भ|अनुच्छेद|दस्तावेज",
    "question": r"(?:प्रश्न|सवाल)[\s:=\"'*#]{0,6}⟨",
    "cite": r"स्रोत (?:बता|लिख|का उल्लेख)|(?:यदि|अगर)[^।\n]{0,40}(?:नहीं)[^।\n]{0,30}(?:पता नहीं|नहीं जानता)|केवल (?:संदर्भ|दस्तावेज)",
    "make_text": "लिख(?:ें|िए|ो|िये)|बनाइए|तैयार कर",
    "rework": "सुधार|पुनर्लेख|सरल बना|फिर से लिख",
    "options": r"(?:श्रेणियाँ|विकल्प|लेबल)[^।\n]{0,10}:|में से (?:एक|किसी)",
    "choose": "चुन(?:ें|िए|ो)",
    "yes_no_words": "हाँ या नहीं",
    "play": "आप एक",
    "agent": r"(?:उपकरण|टूल|फ़ंक्शन)[^।\n]{0,20}(?:उपयोग|कॉल|बुला)|(?:क्रिया|कार्रवाई)[\s\S]{0,40}(?:अवलोकन|प्रेक्षण)",
    "rank": r"क्रमबद्ध|प्रासंगिकता के (?:अनुसार|क्रम)",
    "one_word": r"एक शब्द",
    "tell_of": r"समझाइए|समझाएँ|समझाओ|व्याख्या",
}
_SPANISH = {
    "summarise": r"\bresum(?:ir|a|an|e (?:el|la|los|las|este|esta|en))\b|\bsintetiza",
    "translate": r"\btraduc|\btraduz|\bal (?:inglés|francés|alemán|chino|árabe|portugués|italiano|malayo)\b",
    "classify": r"\bclasifi(?:ca|que)|\bcategor[ií]a|\bsentimiento",
    "extract": r"\bextra(?:e|iga|er)\b",
    "score": r"\bpuntúa|\bpuntua|\bcalifica\b|\bvalora\b",
    "scale": r"\bescala\b|\bdel? 1 al? \d",
    "answer": r"\brespond[ea]|\bcontesta",
    "given_ground": r"\bsegún |\ba partir d|\bbasándo|\bcon base en\b",
    "passage": r"\bcontexto\b|\bpasaje\b|\bdocumentos?\b",
    "question": r"\bpregunta[\s:=\"'*#]{0,6}⟨",
    "cite": r"\bcita(?:ndo)? (?:la|las) fuentes?|\bsi (?:no|la respuesta no)[^.\n]{0,50}\bno (?:lo )?s[eé]\b|\b(?:solo|sólo"
    r"|únicamente|exclusivamente) (?:con|en|a partir|los|el)\b[^.\n]{0,20}\b(?:contexto|documento|texto|pasaje)",
    "make_text": r"\bescrib[ea]|\bredact|\bgener[ae]\b|\bcrea\b",
    "rework": r"\breescrib|\bcorrig|\bmejora|\bsimplifica\b",
    "options": r"\b(?:opciones|categorías|etiquetas)\b[^.\n]{0,20}:|\bun[ao] de (?:las|los|estas|estos)",
    "choose": r"\belige|\belija|\bescoge",
    "yes_no_words": r"\bsí o no\b",
    "play": r"\beres un",
    "agent": r"\bherramientas (?:disponibles|siguientes)|\b(?:usa|utiliza|llama)r? (?:a )?(?:las|una"
    r"|estas) (?:siguientes )?(?:herramienta|funci)|\bacción\b[\s\S]{0,60}\bobservación\b",
    "rank": r"\bordena\b[^.\n]{0,60}\b(?:relevan|de mayor|de más)|\bpor relevancia\b",
    "one_word": r"\buna (?:sola )?palabra\b",
    "tell_of": r"\bexplica\b|\bresuelve\b",
}
_GERMAN = {
    "summarise": r"zusammenfass|\bfass[et]?\b[^.\n]{0,60}\bzusammen\b|\bkurzfassung",
    "translate": "übersetz",
    "classify": r"klassifizier|\bkategorie|\bordne\b[^.\n]{0,80}\bzu\b|\bstimmung",
    "extract": r"extrahier|\bentnimm|\bliste alle\b",
    "score": r"\bbewerte|\bbewertung|\bpunktzahl",
    "scale": r"\bskala\b|\bvon 1 bis \d",
    "answer": r"\b(?:be)?antwort",
    "given_ground": r"\banhand\b|\bauf (?:der )?(?:grundlage|basis)|\bmit den folgenden\b|\baus (?:den|dem) (?:folgenden|abschnitt)",
    "passage": r"\bkontext|\babschnitt|\bdokument",
    "question": r"\bfrage[\s:=\"'*#]{0,6}⟨",
    "cite": r"\bquellen? (?:an|nenn)|\bnenne (?:die )?quelle|\bzitiere|\bwenn[^.\n]{0,60}\b(?:nicht"
    r"|keine)\b[^.\n]{0,40}\bweiß (?:ich )?(?:es )?nicht|\b(?:nur|ausschließlich)\b[^.\n]{0,20}\b(?:kontext|dokument|text|quellen"
    r"|abschnitt)",
    "make_text": r"\bschreib|\berstell|\bverfass",
    "rework": r"\bumformulier|\bformuliere\b[^.\n]{0,60}\bum\b|\bkorrigier|\bverbesser|\bvereinfach",
    "options": r"\b(?:kategorien|optionen|labels)\b[^.\n]{0,20}:|\beine[rsm]? der (?:folgenden|kategorien)",
    "choose": r"\bwähle",
    "yes_no_words": r"\bja oder nein\b",
    "play": r"\bdu bist\b|\bsie sind ein",
    "agent": r"\b(?:folgende[nr]?|verfügbare[nr]?) (?:werkzeug|tool|funktion)|\b(?:nutze|verwende|rufe)\b[^.\n]{0,30}\b(?:werkzeug"
    r"|tool|funktion)|\baktion\b[\s\S]{0,60}\bbeobachtung\b",
    "rank": r"\b(?:sortiere|ordne|reihe)\b[^.\n]{0,60}\b(?:relevan|nach)|\bnach relevanz\b",
    "one_word": r"\b(?:einem|nur ein) wort\b",
    "tell_of": r"\berklär|\blöse\b",
}
_FRENCH = {
    "summarise": r"\brésum|\bsynthèse",
    "translate": r"\btradui|\ben (?:anglais|espagnol|allemand|chinois|arabe|italien|malais)\b",
    "classify": r"\bclasse[rz]?\b|\bclassifi|\bcatégor|\bsentiment du\b",
    "extract": r"\bextrai|\brelève",
    "score": r"\bnote[rz]\b|\bévalue|\battribue[rz]? (?:une note|un score)",
    "scale": r"\béchelle\b|\bde 1 à \d",
    "answer": r"\brépond",
    "given_ground": r"\bd'après|\bà partir d|\bselon |\ben t'appuyant",
    "passage": r"\bcontexte\b|\bpassages?\b|\bextraits?\b",
    "question": r"\bquestion[\s:=\"'*#]{0,6}⟨",
    "cite": r"\bcite[rz]? (?:la|les|tes|vos) sources?|\bsi[^.\n]{0,60}\b(?:pas|aucun)\b[^.\n]{0,40}\bne sa(?:is|vez|chant)"
    r"|\b(?:uniquement|seulement|exclusivement)\b[^.\n]{0,24}\b(?:contexte|document|texte|extrait|passage)",
    "make_text": r"\brédige|\bécri[stv]|\bgénère|\bcompose[rz]?\b",
    "rework": r"\breformul|\bsimplifie|\bamélior|\bcorrige",
    "options": r"\b(?:catégories|options|étiquettes)\b[^.\n]{0,20}:|\bl'une? des\b|\bparmi\b",
    "choose": r"\bchoisi",
    "yes_no_words": r"\boui ou non\b",
    "play": r"\b(?:tu es|vous êtes)\b",
    "agent": r"\boutils (?:suivants|disponibles)|\b(?:utilise|appelle)[rz]?\b[^.\n]{0,20}\b(?:outil|fonction)"
    r"|\baction\b[\s\S]{0,60}\bobservation\b",
    "rank": r"\b(?:classe|trie|ordonne)[rz]?\b[^.\n]{0,60}\bpertinen|\bpar pertinence\b",
    "one_word": r"\b(?:un seul|en un) mot\b",
    "tell_of": r"\bexplique|\brésou",
}
_JAPANESE = {
    "summarise": "要約|まとめて|まとめなさい|件名",
    "translate": r"翻訳|訳して|訳しなさい|英訳|和訳|日本語に|英語に",
    "classify": "分類|カテゴリ|判定|感情",
    "extract": "抽出|取り出|抜き出",
    "score": "採点|スコア|点数",
    "scale": r"段階|[1１一]\s*(?:から|~|〜)\s*(?:5|５|10|五|十)",
    "answer": "答えて|回答して",
    "given_ground": "に基づ|もとに|次の文書",
    "passage": "文脈|文書|資料",
    "question": r"質問[\s:：=\"'*#]{0,6}⟨",
    "cite": r"出典|引用|(?:ない|なければ|ありません)[^。\n]{0,20}(?:わかりません|分かりません)|(?:文書|資料|文脈)のみ",
    "make_text": "書いて|作成|生成して|執筆",
    "rework": "書き直|言い換え|校正|添削",
    "options": r"(?:カテゴリ|選択肢|ラベル)[^。\n]{0,8}[:：]|のいずれか|どれか一つ|次の中から",
    "choose": "選んで|選択",
    "yes_no_words": "はいかいいえ|はい(?:または|/)いいえ",
    "play": "あなたは",
    "agent": r"(?:ツール|関数)を(?:使|呼|利用)|(?:次|以下)のツール|行動[\s\S]{0,40}観察",
    "rank": r"並べ替え|並べて|関連度|順位",
    "one_word": r"一語|一単語",
    "tell_of": r"説明して|解いて|教えて",
}
_ALL = (_MALAY, _CHINESE, _TAMIL, _ARABIC, _HINDI, _SPANISH, _GERMAN, _FRENCH, _JAPANESE, *OTHERS)
TONGUES: dict[str, str] = {
    sign: "|".join(tongue[sign] for tongue in _ALL if sign in tongue) for sign in sorted({sign for tongue in _ALL for sign in tongue})
}
"""Sign -> what shows it in any of these languages."""
