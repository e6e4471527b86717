"""What shows a sign in English: expressions over the lower-case text of `asked.Asked`, where slots stand as `⟨name⟩`."""

from __future__ import annotations

_SLOT = "⟨[^⟩]*⟩"
_STOP = (
    "of|for|from|about|that|which|whose|based|given|to|in|on|with|using|and|or|if|whether|as|by|is|are|was|the following is"
    "|related|containing|according|does|do|did|can|could|would|should|will|you|think|has|have"
)
_WORDS = rf"(?:\s+(?!(?:{_STOP})\b)(?:[\w'/-]+|[\"']?⟨⟩[\"']?)){{0,5}}?\s+[\"']?"
"""The words between a verb and the head of its object: none that would open another phrase."""
_ASK = (
    r"(?:writ(?:e|ing)|re-?write|generat(?:e|ing)|creat(?:e|ing)|compos(?:e|ing)|produc(?:e|ing)|com(?:e|ing) up with|make|draft|craft"
    r"|suggest|propose|think of|giv(?:e|ing)|provid(?:e|ing)|construct|formulate|output|return|respond with|reply with|print|build|develop"
    r"|design|devise|invent|supply|offer|prepare|predict|guess|state|tell me|show|need|want|imagine|expand|form|ask|add|plan|present)"
)
_FIND = (
    r"(?:extract|identif(?:y|ies)|find|list|locate|detect|retrieve|recogni[sz]e|spot|highlight|mark|tag|pull out|collect|pick out|copy"
    r"|name|parse|return|output|write(?: down)?|give|provide|generate|tell me|state)"
)
_NAME = r"(?:identif(?:y|ies)|find|detect|recogni[sz]e|spot|tag|name|return|output|write(?: down)?|give|provide|generate|tell me|state)"
_WHAT = (
    r"(?:wh(?:at|ich)(?:'s| is| are| was| were| would be| could be| might be| will be| do you think is)?"
    r"|(?:would|could|might|should) be|here (?:is|are))"
)
_SUMMARY = (
    r"(?:summar(?:y|ies|i[sz]ations?)|tl;? ?dr|headlines?|titles?|subject(?: line)?|abstract|gist|synopsis|highlights?"
    r"|digest|recap|short (?:sentence|phrase)s? (?:describing|that describes)"
    r"|takeaways?|minutes|(?:key|main|important|most important|highlight) (?:points?|ideas?|parts?|message|information|facts?|takeaways?)"
    r"|(?:short|brief|concise|condensed|compressed)(?:er)? (?:version|description|overview|account|form)|overview|name for)"
)
_TEXT = (
    r"(?:questions?|quer(?:y|ies)|stor(?:y|ies)|articles?|poems?|essays?|dialog(?:ue)?s?|conversations?|e-?mails?|letters?|repl(?:y|ies)"
    r"|messages?|sentences?|paragraphs?|passages?|reviews?|code|functions?|sql|descriptions?|tweets?|posts?|texts?|continuations?|endings?"
    r"|paraphras(?:e|es|ing)|versions?|explanations?|hypothes[ie]s|examples?|plans?|ideas?|lyrics|songs?|scripts?|prompts?|advice|feedback"
    r"|premises?|synonyms?|antonyms?|captions?|slogans?|recipes?|reports?|program|method|content|statements?|claims?|comments?|blog"
    r"|speech|reasons?|solutions?|steps|instructions?|jokes?|documents?|contexts?|responses?|utterances?|rationale|justification"
    r"|cover letter|test cases?|regex|formula|command|suggestions?|recommendations?|tips|details|scenarios?|definitions?|facts? about"
    r"|outlines?|(?:unit )?tests?|haikus?|verses?|taglines?|bio|guide|tutorial|checklist|memo|proposal|section names?"
    r"|chapter|turns?|biograph(?:y|ies)|narratives?|tales?|sonnets?|docstrings?|clues?|lines?|quotes?|riddles?"
    r"|distractors?|counterargument|argument|schedule|itinerary|alternatives|variants?|copy|forecasts?|captions?|greetings?|drafts?"
    r"|announcements?|newsletters?|pitch|hooks?|scenes?|monologues?|toasts?|statement of purpose|query)"
)
_DATA = (
    r"(?:entit(?:y|ies)|key ?(?:words?|phrases?)|(?:\w+ )?triple[st]?s?|relation(?:ship)?s?|names?|dates?|spans?|phrases?"
    r"|terms?|attributes?|"
    r"aspects?|fields?|mentions?|people|persons?|places?|locations?|organi[sz]ations?|compan(?:y|ies)|values?|amounts?|numbers?"
    r"|drugs?|effects?|diseases?|symptoms?|slots?|properties|references?|items?|objects?|addresses?|products?|events?"
    r"|tokens?|acronyms?|abbreviations?|roles?|skills?|quotations?|subjects?|records?|columns?|information|metadata|part of the)"
)
_LABEL = (
    r"(?:labels?|categor(?:y|ies)|class(?:es)?|topics?|sentiments?|emotions?|feelings?|intent(?:ion)?s?|stance|type|kind|genre|tone|mood"
    r"|domain|verdict|polarity|language|author|section|service|department|tags?|theme|subject area|emoji|opinion|attitude"
    r"|severity|priority)"
)
_SCORED = r"(?:scores?|ratings?|stars?|grades?|number of stars|similarity|degree|points out of|percentage|likelihood|probability)"
_GROUND = (
    r"(?:passages?|contexts?|documents?|sources?|excerpts?|snippets?|paragraphs?|articles?|texts?|stor(?:y|ies)|background|hint|knowledge"
    r"|facts?|dialog(?:ue)?s?|conversations?|information|evidence|abstract|sentences?|tables?|search results?|manual|reports?|book|wiki\w*"
    r"|supports?|situation|policy|notes|transcript|chunks?|ctxs?|chat history|knowledge base|observations?|following info\w*"
    r"|read this|clauses?|files|materials?"
    r"|pages?|sections?|records|guidelines|handbook|data ?sheet)"
)
_ASKED = r"(?:questions?|quer(?:y|ies)|inquiry|problem|riddle|q)"
_TONGUE = (
    r"(?:english|french|german|spanish|chinese|mandarin|arabic|japanese|hindi|russian|italian|portuguese|tamil|malay|indonesian|korean"
    r"|turkish|dutch|vietnamese|thai|polish|swedish|greek|hebrew|urdu|bengali|swahili|latin|czech|romanian|ukrainian|persian|filipino"
    r"|bahasa(?: \w+)?|cantonese|norwegian|danish|finnish|hungarian|bulgarian|tagalog|sinhala|telugu|kannada|malayalam|punjabi|gujarati"
    r"|marathi|nepali|burmese|khmer|farsi|catalan|serbian|croatian|slovak|afrikaans|icelandic|mongolian|kazakh|georgian|armenian)"
)
_GOOD = (
    r"(?:yes|no|true|false|positive|negative|neutral|correct|incorrect|right|wrong|always|never|maybe|agree|disagree|entail\w*"
    r"|contradict\w*|spam|relevant|irrelevant|acceptable|unacceptable|good|bad|possible|impossible|valid|invalid|same|different"
    r"|equivalent|similar|fact|opinion|real|fake|human|harmful|safe|support\w*|refute\w*|favor|against|happy|sad|high|low|easy|hard)"
)
_BETWEEN = r"[\"'*`)]*\s*(?:,\s*(?:or|and)?\b|[/|;,]|\n[-*•\s]*|\s(?:or|and)\s)[\s\"'*`(]*"
_LIST = r"(?:json|xml|yaml|bibtex|csv|structured|records?|key-value|schema)"
_CODE = "(?:en|de|fr|es|it|pt|nl|zh|ja|ko|ar|ms|id|ta|hi|ru|tr|vi|th|pl|sv|cs|uk|fa|ur|bn)(?:-[a-z]{2,4})?"
_DOES = (
    "get|find|search|look_?up|create|update|delete|send|list|fetch|book|cancel|confirm|transfer|check|set|add|remove|open|close|run"
    "|read|write"
    "|execute|query|call|submit|schedule|hold|save|post|move|click|type|scroll|go_?to|pick|place|calculate|compute|retrieve|verify|notify"
)
"""Verbs that names of functions begin with."""
_AUX = r"(?:is|are|was|were|does|do|did|has|have|had|should|would|can|could|will|might|may|am|isn't|doesn't|aren't)"
_REQUEST = (
    r"(?:(?:can|could|will|would) you\b(?! (?:rather|conclude|infer|say|deduce|recommend|classify|consider|buy|call"
    r"|describe|agree|trust|assume))"
    r"|(?:can|could|may|should) i (?:have|get|ask)|do (?:not|n't)\b|have (?:a look|fun|you read)|would be\b|is:)"
)

WORDINGS: dict[str, str] = {
    # what it is told to do
    "make_text": (
        rf"\b{_ASK}(?! (?:this|that|it|them)\b){_WORDS}{_TEXT}\b|\b(?:next|missing|last) (?:\w+ )?(?:sentences?|words?|turn"
        rf"|lines?|message|utterance)\b"
        rf"|\b{_TEXT}\s*:[\s\"'*]*\Z|\b(?:assistant|agent|bot|ai|output|chatbot)\s*:[\s\"'*]*\Z|⟨⟩\s*:[\s\"'*]*\Z"
        rf"|\bbecause(?: of)?[\s:]*\Z"
    ),
    "what_text": rf"\b{_WHAT}{_WORDS}{_TEXT}\b",
    "rework": (
        r"\b(?:re-?writ|re-?phras|para-?phras|reword|simplif(?:y|ies|ying)|proofread|correct (?:the|this|any|all|gramm|spell|mistake|error)"
        r"|improve|polish|expand|elaborate|formali[sz]e|rearrang|reorder|unscrambl|combine|merge|join|split|negate|fix|edit"
        r"|convert|transform|modify|revise|adapt|alter|change|turn (?:the|this|it)|refactor|debug|connect"
        r"|put [^.\n]{0,30}together|gather"
        r"|make (?:the|this|it|these|that)\b(?: \w+){0,2} (?:more|less|sound|easier|shorter|simpler|clearer|longer|polite"
        r"|formal|grammatical|sense)"
        r"|verbali[sz]e|put (?:it|this|the))"
    ),
    "go_on": (
        r"\b(?:continue|complet(?:e|ion)|finish|fill[- ]in|carry on|go(?:es)? on|autocomplete)\b|\bnext\b.{0,30}\?"
        r"|\bwhat (?:would|might|will|did|does|do you think|could)\b[^?\n]{0,40}\b(?:say|said|reply|respond)\b"
        r"|\bhappen(?:s|ed)? next|\bhow (?:does|will|would|did)\b[^?\n]{0,40}\b(?:end|continue|proceed)\b"
    ),
    "tell_of": (
        r"\b(?:explain|describe|discuss|elaborate|brainstorm|advise|recommend a|guide me|teach|help me|solve|calculate"
        r"|compute|how (?:do|can|would|to|should) (?:i|you|we|one)?)\b"
    ),
    "play": (
        r"\b(?:act|behave|serve|respond|roleplay|role-play|pretend)\w* (?:as|to be|like)\b|\byou are (?:an?|the|now)\b"
        r"|\byour (?:task|role|job|goal) is\b"
    ),
    "code": r"\b(?:sql|python|javascript|java|bash|regex|source code|function|code|algorithm|program|html|latex|css)\b",
    "summarise": (
        r"\{\s*[\"'](?:summary|tl;?dr|abstract|headline|synopsis|gist)[\"']\s*:|\b(?:bring|boil|cut|trim|reduce|squeeze|pare|whittle"
        r"|narrow|strip)\w*\b[^.\n]{0,40}\bdown\b"
        r"|\b(?:turn|make|condense|compress|rewrite)\b[^.\n]{0,60}\binto (?:a |an )?(?:\w+ )?(?:short|brief|concise|crisp|compact)\b"
        r"|\b(?:decisions|action items|open questions|next steps)\b[^.\n]{0,40}\b(?:taken|from|in|of) (?:this|the|that)\b"
        r"|\bsummari[sz]e|\bsummari[sz](?:er|ing|ation)\b|\b(?:recap(?:itulate)?|condense|shorten|compress|abridge|distil"
        r"|boil down|tl;? ?dr)\b"
        rf"|\b(?:{_ASK}|{_WHAT}){_WORDS}{_SUMMARY}\b|\b{_SUMMARY}\s*:[\s\"'*]*\Z|\bmain (?:idea|point)s?\b|\b(?:sum"
        rf"|wrap) (?:it|this|up)\b"
        r"|\bwhat (?:is|was|were|are) (?:this|that|the|they|these|it)\b[^.?\n⟨]{0,30}\b(?:about|on)\b|\bwas about[\s:]*\Z"
        r"|\bwhat (?:the|this|that)\b[^.?\n⟨]{0,40}\b(?:is|was) about|\bgoing on in\b|\bnutshell\b|\bin short\b"
        r"|\bboils? down\b"
        r"|\bname (?:this|the|that) (?:article|story|text|paragraph|post|document)\b"
    ),
    "brief": r"\b(?:at most|under|no more than|not more than|up to|max(?:imum)?(?: of)?|fewer than|less than|within) \w+ (?:words"
    r"|sentences|bullets|characters|lines)\b|\b(?:three|five|\d) (?:short )?(?:bullets?|bullet points|key points)\b|\bin (?:a few|one"
    r"|two|three|\d+|fewer|a single)[\w ,-]{0,20}(?:words?|sentences?)\b",
    "from_summary": (
        rf"(?:{_ASK}|expand|elaborate){_WORDS}(?:{_TEXT})\b.{{0,30}}"
        rf"\b(?:from|based on|using|given|with|for|to|match\w*|that|about|of)\b.{{0,30}}\b{_SUMMARY}\b"
        rf"|\b{_SUMMARY}\b[^.?\n]{{0,40}}(?:\W{{0,4}}{_SLOT})[\s\S]{{0,80}}\b{_ASK}{_WORDS}{_TEXT}\b|\bexpand\b[^.\n]{{0,20}}{_SUMMARY}"
    ),
    "translate": (
        rf"\b{_CODE} ?(?:->|→|=>|➜|>) ?{_CODE}\b|\blocali[sz](?:e|es|ing|ation)\b[^.\n]{{0,80}}\b(?:into|in|to|for) (?:\w+ )?{_TONGUE}\b"
        rf"|\binto (?:\w+ )?{_TONGUE}\b|\btranslat\w*|\b(?:from|in) {_TONGUE} (?:in)?to (?!sql|code)\w+|\binterpreter\b"
        rf"|\b{_TONGUE}\s*:[\s\"'*]*\Z"
        rf"|\b(?:say|render|put|express|convert|rewrite|what is|what's|how would)\b[^.\n]{{0,80}}\b(?:in|into|the) (?:\w+ )?{_TONGUE}\b"
    ),
    "translate_odd": (
        r"\btranslat\w*[^.\n]{0,60}\b(?:code|sql|commands?|actions?|natural language|dialect|plain|jargon|slang|morse|emoji)"
    ),
    "extract": (
        rf"\b(?:capture|note down|take down|jot down|record|fill in|fill out)\b[^.\n⟨]{{0,60}}\b(?:{_DATA}|schema|form|date|outcome"
        rf"|following)\b|\bfill (?:this|the) (?:\w+ )?(?:schema|form|template|record)"
        rf"|\b(?:extract|named entit|key ?phrases?|keywords?|triples?\b|highlight the|pull out|ner\b|slot filling|parse)"
        rf"|\b{_FIND}{_WORDS}{_DATA}\b|\bwh(?:at|ich)(?: (?:is|are|was|were))?(?: (?:the|all|main|key|this"
        rf"|these))? (?:\w+ )?{_DATA}\b(?! (?:is|are|do|does) you)|\b{_DATA}\s*:[\s\"'*]*\Z|\b{_FIND} (?:me )?(?:all|every"
        rf"|each|any)\b"
        r"|\b(?:pull|get|take|grab|lift|fetch|collect|copy|read)\b[^.\n]{0,80}\b(?:out of|from) (?:the|this|that|each|a|an|⟨)"
        r"|\bwhich (?:words?|parts?|phrases?|span)\b"
        rf"|\b{_FIND}\b[^.?\n]{{0,80}}\b(?:mentioned|contained|present|found|described|appearing|discussed|that appear|occurring)\b"
        rf"|\b(?:find|identify|spot|list|locate|detect) (?:the|all|any|every)\b[^.?\n]{{0,50}}\b(?:in|from|within) (?:the|this"
        rf"|that|each|a)\b"
        r"|\bfrom (?:the|this|each) [^.,\n]{1,30}, (?:get|take|pull|return|give)\b"
        r"|\b(?:wh(?:at|ich)|who|where|when|how (?:many|much))\b[^.?\n]{0,60}\b"
        r"(?:mentioned|reported|described|referred|appears?|occurs?|named|stated|listed|discussed|contained)\b"
    ),
    "json": rf"\b(?:as|return|output|in|into|valid|format)\b[^.\n]{{0,40}}\b{_LIST}\b",
    "copy": r"\b(?:verbatim|exact (?:words|text|span)|as (?:it|they) appears?|copy the|separated by (?:a )?commas?|comma-separated)\b",
    "records": rf"\b(?:convert|transform|turn|format|parse|structure|put|map|normali[sz]e)\w*\b[^.\n]{{0,80}}\b{_LIST}\b",
    "relation": r"\b(?:relation(?:ship)?|effect|role|cause|connection)\b[^.?\n]{0,40}(?:between|of|does|do|in)\b[^.?\n]{0,30}⟨",
    "classify": (
        r"\byou (?:route|triage|sort|dispatch|screen|moderate|file|tag|assign)\b|\b(?:route|triage|dispatch|bucket|moderate)s? (?:it"
        r"|each|every|the|this|incoming|inbound|customer|support)\b"
        r"|\bassign the\b|\b(?:what|which) (?:sort|kind|type|class) of\b[^?\n]{0,60}\?|\bwhich (?:one )?is (?:better|best|worse)\b"
        r"|\bwhether\b[^.\n]{0,80}\b(?:same|match\w*|describe the same)\b"
        r"|\b(?:classif\w+|categori[sz]\w*|triage|label (?:the|this|each)|assign[^.\n]{0,30}(?:label|categor|class|tag)"
        r"|sort (?:it|this|the)"
        r"|(?:determine|decide|predict|judge|detect|check|assess|verify|evaluate|indicate|tell(?: me| us)?|identify|know|see"
        r"|say|conclude"
        rf"|infer|answer) (?:if|whether|which)\b|(?:say|infer|conclude|true) that\b)|\b(?:{_ASK}|{_NAME}|{_WHAT}|determine"
        rf"|decide|predict|which|describe|consider|characteri[sz]e|guess|select|choose){_WORDS}{_LABEL}\b"
        rf"|\b{_LABEL}[\s\"'*:]{{0,3}}\Z|\bbelongs? to\b|\bbest describes?\b|\bfalls? (?:in|under)|\bhow (?:does|did|do"
        rf"|would)\b[^?\n]{0, 60}\bfeel"
    ),
    "yes_no_question": (
        rf"(?:^|[.,!?:;\n\"'⟩)(]\s*|\b(?:then|so|but|and|question"
        rf"|q)\W+)(?!{_REQUEST}){_AUX}\s(?=[^?\n]{{0,400}}[\"'a-z⟩)\]]\s*\?)|\A\W*(?:is|are|does|do|did|was|were|has"
        rf"|can) (?:this|the|it|these|that|there|you think)\b|\A\W*(?:is|are|does|did|was|were|has) (?!not)"
        r"|\b(?:does it (?:\w+ )?follow|can we (?:now )?(?:conclude|infer|say)|is it (?:true|possible|safe|correct))\b"
    ),
    "label_word": r"\b(?:sentiment|emotion|stance|intent|category|genre|polarity|acceptab\w+|grammatical(?:ly)?|meaning)\b",
    "yes_no_words": (
        rf"[\"'`][\w -]{{1,20}}[\"'`],? (?:or|/) [\"'`][\w -]+[\"'`]"
        rf"|\b{_GOOD}{_BETWEEN}(?:[\w' -]{{1,25}}{_BETWEEN}){{0,5}}?{_GOOD}\b"
    ),
    "either_or": (
        r"\b(?:reply|answer|respond|output|return|say|print)\b(?: only)?(?: with)?:? [^.\n]{0,20}?[\w'\"-]+(?:, [\w'\"-]+)+,? or [\w'\"-]+"
        r"|(?<![\w'-])[\w'-]{1,40}[\"']?,? or [\"']?[\w' -]{2,30}[\"']?\s*\?|\b(?:either|whether)\b[^.\n]{1,80}\bor\b"
        r"|⟨⟩[\"',]*\s*\bor\b:?\s*[\"']?⟨"
    ),
    "options": (
        r"\b(?:options?|choices|labels|categories|candidates|classes|intents|alternatives)\b[^.\n⟨]{0,40}(?::|\bare\b|\binclude)"
        r"|\bone of (?:the|these|those|\")|\bone of:|\bwhich (?:one )?of (?:the|these|those)|\b(?:choose|decide|select"
        r"|pick)\w* between\b"
        r"|\bexactly one\b|\bonly one\b|\b(?:one|single) (?:label|category|letter|class|option)\b"
        r"|\bmultiple[- ]choice|\b(?:following|possible|given|allowed|available|valid) (?:options|choices|categories|labels"
        r"|classes|topics|list|intents)\b"
    ),
    "listed": r"\[list\]",
    "choose": (
        r"\b(?:choose|select|pick|choice|match)\b(?! (?:a|some|any) (?:random|topic))|\b(?:most|more|less|least) (?:likely"
        r"|plausible|appropriate|suitable|sensible|probable|logical|accurate|relevant)\b|\bwhich (?:sentence|statement|ending"
        r"|one|answer|option|choice|of)\b"
    ),
    "lettered": (
        rf"(?:^\s*[(\[]?[a-d][.)\]]+\s*\S[^\n]{{0,80}}\n+\s*){{1,}}[(\[]?[b-e][.)\]]+\s*\S"
        r"|^\s*a: ?\S[^\n]{0,80}\n+\s*b: ?\S[^\n]{0,80}\n+\s*c: ?\S"
        rf"|(?:^\s*(?:[-*•]|\d[.):]|\(\d\))\s*[\"']?{_SLOT}[^\n]{{0,12}}\n+\s*){{1,}}(?:[-*•]|\d[.):]|\(\d\))\s*[\"']?{_SLOT}"
        rf"|(?:^\s*(?:ending|option|choice|answer|solution) [1-4a-d]\W+{_SLOT}[\s\S]{{0,4}}){{2,}}"
        r"|⟨(?:[a-z]+ )?(?:options|choices|candidates|labels|categories|classes|alternatives|endings)[^⟩]*⟩|⟩[\"']?,? or [\"']?⟨"
        r"|(⟨(?:[a-z]+ )?(?:choice|option|ending|answer|alternative|candidate|solution|sol)\b)[^⟩]*⟩[^⟨]{0,30}\1"
    ),
    "pair": (
        r"\b(?:both|two|these|pair of) (?:\w+ )?(?:sentences?|questions?|texts?|statements?|articles?|headlines?|passages?"
        r"|phrases?|words)\b"
        r"|\b(?:entail|contradict|paraphrase of|paraphrases\b|impl(?:y|ies)|duplicates?|hypothesis|premise|justified|infer)\b"
        r"|\bsame (?:meaning|thing|event|as|way|entity)|\brefers? to ⟨"
    ),
    "open_end": (
        r"\b(?:this|the|it|that|i|my|which|overall)\b[^.?\n⟨]{0,40}\b(?:is|was|are|were|be|feels?|seems?|sounds?"
        r"|felt)\s*[\s:\"]{0,3}\Z"
    ),
    "pronoun": r"\bpronoun\b|\b(?:does|do|did|is) [^?\n]{1,30} refer(?:ring)?\b",
    "suits": (
        r"\b(?:unanswerable|answerable)\b[^.\n]{0,3}\?|(?<!what )(?<!which )(?<!who )\b(?:is|was) (?:this|the|that|it) [^?\n]{0,40}"
        r"\b(?:answer(?:able|ed)?|correct|true|right|plausible|possible|reasonable|valid|appropriate|accurate)\b[^?\n]{0,60}\?"
    ),
    # a degree
    "scale": (
        r"\bscale (?:of|from|between|ranging)|\b(?:from|between)\s+\"?(?:0|1|one|zero)(?:\.0)?\"?(?: \([^)\n]{1,40}\))? (?:to|and"
        r"|through) \"?(?:\d+|five|ten)|\b[01](?: means|=| is| being)\b[^\n]{0,120}\b[3-9]0?(?: means|=| is| being)\b"
        r"|\b[01] ?(?:-|–|to) ?(?:[3-9]|10|100)\b(?! ?(?:short |key |more |full )?(?:words?|sentences?|bullets?"
        r"|paragraphs?|items|lines|minutes|days"
        r"|hours|times|examples|people|characters|tags|pages|questions|objectives))"
        r"|\bout of (?:5|10|100|five|ten)\b|\b[01]\b[^.\n]{0,40}\b(?:lowest|worst|least|not at all|no )|\bstars?\b"
        r"|\b(?:lowest|highest) (?:score|rating)"
        r"|\b[01]\b[^\w\n]{1,8}(?:[a-z]+\W{1,4})?[12]\b[^\w\n]{1,8}(?:[a-z]+\W{1,4})?[23]\b"
    ),
    "score": (
        rf"\b(?:rate|grade|score) (?:the|this|how|it|each|my|a|on|its|their)\b|\b(?:{_ASK}|{_WHAT}|assign|predict|with|a|the"
        rf"|numerical|star|review|give it){_WORDS}{_SCORED}\b|\b{_SCORED}[\s\"'*:.]{{0,4}}\Z|\b(?:give|gave|rate"
        rf"|deserves?)\b[^.\n⟨]{{0,25}}[\s:]*\Z"
    ),
    "how_much": (
        r"\bhow (?:similar|positive|negative|likely|good|bad|much (?:better|worse|do|does|would|is)|satisfied|fluent|relevant"
        r"|helpful|well|toxic|formal|many stars|close|offensive|funny)\b|\bhow (?!many|much|old|long|far|tall|big)\w+ (?:is"
        r"|are|was|were) (?:the|this|that|these|it)\b"
    ),
    # a question of the call, and what it is put to
    "question": (
        rf"\b{_ASKED}(?: ?[\d#]+| stem| text)?(?: ?is| ?asked)?[\s:=>\"'`*#<-]{{1,12}}⟨"
        r"|⟨(?:[^⟩]*\b)?(?:question|query|q|qtext|user input|inquiry)(?:\b[^⟩]*)?⟩|^\s*[\"']?⟨⟩[\"']? ?\?"
    ),
    "ground": (
        rf"\b{_GROUND}(?: ?\d| ?below| ?above| ?is| ?pair)?[\s:=>\"'`*#.,;<-]{{1,12}}⟨"
        r"|⟨(?:[^⟩]*\b)?(?:context|passage|article|documents?|paragraph|story|background|para|dialogue|situation|excerpt"
        r"|supports?|facts?"
        r"|knowledge|ctx|snippets?|results|chunks?)(?:\b[^⟩]*)?⟩"
        r"|^[\s\"']*⟨(?:text|facts?|source|hint|sentence|sents|table|body|content|post|review|email)⟩[\s\"'.]*$"
    ),
    "passage": (
        r"⟨(?:[^⟩]*\b)?(?:context|passage|document|documents|paragraph|background|para|situation|excerpt|support|supports"
        r"|knowledge|ctx|retrieved|chunks?|search results)(?:\b[^⟩]*)?⟩|\b(?:passage|context|background|paragraph|hint"
        r"|document)s?\b"
    ),
    "answer": r"\banswer\w*\b|\breply to the question|\brespond to (?:the|this|my) (?:question|query)|^a\s*:",
    "given_ground": (
        rf"\b(?:based (?:only |solely |strictly )?(?:on|upon)|according to|from|using|given|in|with|read|reading|referring to"
        rf"|refer to|about|of|on) (?:only )?(?:the|this|these|that|your|those|a)? ?(?:following|above|below|given|provided"
        rf"|retrieved|supplied|preceding|aforementioned|next)? ?(?:\w+ )?{_GROUND}\b"
    ),
    "cite": (
        rf"\b(?:only|solely|exclusively|strictly|nothing but)\b[^.\n]{{0,24}}\b(?:the|this|these|those|provided|given|attached"
        rf"|following)\b[^.\n]{{0,20}}\b{_GROUND}\b"
        r"|\bif (?:it|they|the|this|none|no|there|you)\b[^.\n]{0,50}\b(?:not|no|cannot|isn't|aren't|don't"
        r"|doesn't)\b[^.\n]{0,30}\b(?:answer|contain|hold|cover|enough|sufficient)"
        rf"|\b(?:name|quote|cite|mention|give|link|reference)\w* (?:the|its|their|each|every) (?:\w+ )?(?:source|article|document"
        rf"|clause|sub-clause|section|page|passage|paragraph)s?\b"
        r"|\bcit(?:e|ing|ation)s?\b[^.\n]{0,40}(?:source|passage|document|number|id|\[)|\b(?:only|solely) (?:on |from |use "
        r"|using )?(?:the )?(?:provided|given|retrieved|following|above)?\s?(?:context|passages?|documents?|sources?"
        r"|information)|\bdo(?:es)? not (?:contain|know)|\bdon't know\b|\bunanswerable\b"
    ),
    "about_call": r"\b(?:what|who|whom|where|when|why|how|which)\b[^?\n]{0,120}⟨[^⟩]*⟩[^?\n]{0,60}\?",
    "fixed_question": r"(?:^|[.,!:\n⟩\"]\s*)(?:what|who|whom|where|when|why|how|which)\b[^?⟨\n]{3,160}\?",
    "make_question": (
        rf"\b(?:{_ASK}|{_WHAT}){_WORDS}(?:questions?|quiz)\b(?!\W*⟨)(?! (?:is|are|below|above)\b)"
        r"|(?<!answer )(?<!answering )(?<!answers )(?<!is )(?<!have )"
        r"(?<!has )(?<!given )(?<!get )(?<!gets )(?<!ask )(?<!asks )(?<!and )(?<!with )(?<!if )"
        r"\b(?:a|an|another|some) (?:\w+ ){0,2}questions?\b(?!\W*⟨)(?! (?:from|by|of|about (?:it|this|them|the)|asked|and|is|that was))"
        rf"|\b{_ASK}(?: \w+){{0,3}} (?:wrong|incorrect|false|alternative) (?:answers?|options?|choices?)"
        rf"|\b{_ASK}(?: (?!answers?\b|these\b|the\b)[\w',]+){{0,6}} questions\b(?!\W*⟨)"
        r"|\bquestions? (?:whose|to ask|to test)|\bquestion generat|\bquestions?\s*:[\s\"'*]*\Z"
    ),
    # agents
    "agent": (
        r"\b(?:sub-?agents?|tool[ _-]?calls?|(?:call|invoke|use) (?:the |a |an |one of the |one of these )?(?:\w+ )?(?:tool|function"
        r"|api)s?\b"
        r"|function[ _-]call\w*|calls? of (?:tool|function)s?|skill calls?"
        r"|(?:using|use) (?:the )?(?:\w+ )?[\w`_-]* ?tools?\b|\b(?:available|possible|allowed|specific) actions\b|actions you (?:can"
        r"|may)|mcp tools?\b|\b(?:web|browser) (?:automation )?agent\b|(?:following|available|these) (?:tools|functions|apis)\b"
        r"|(?:tools?|functions?|apis?) (?:available"
        r"|at your disposal|you (?:can|may) (?:use|call))|set of (?:functions|tools)|spawn|action input|thought:|observation:"
        r"|autonomous(?: \w+)? agent|team of agents|(?:who|which agent) (?:acts|speaks|goes) next|think\W[^.\n]{0,20}\bact\b|next action"
        r"|(?:one|single) (?:command|action|tool|step)s? (?:per|at a|each|at each|in each) (?:turn|time|step|message)"
        r"|exactly one (?:command|action|tool)"
        r"|you (?:control|drive|operate|have|get) (?:a|the|an) (?:\w+ )?(?:browser|computer|shell|terminal|robot|console|sandbox"
        r"|desktop|phone)"
        r"|you (?:can|may) (?:call|invoke)|(?:pick|choose|select) (?:the |an |a |one )?(?:\w+ )?(?:api|tool|function|endpoint)s?\b"
        r"|[\"'](?:arguments|parameters|tool_input|action_input)[\"']\s*:)"
    ),
    # steps that were taken, with what came of them
    "steps": (
        r"\b(?:step|turn|round) ?#?\d+\W[\s\S]{0,400}?\b(?:observation|result|action|output|returned|response)s?\W"
        r"|^\W*action\W[\s\S]{0,400}?^\W*(?:observation|result)\W|\b(?:past|previous|prior) (?:actions|commands|steps|tool calls)\b"
        r"|<(?:tool_call|invoke|function_calls?|action|observation)\b|^\$ \w+"
    ),
    # names of functions in the text: find_slots, pick(x)
    "functions": (
        rf"\b(?:{_DOES})_[a-z_]{{2,30}}\b[\s\S]{{0,600}}?\b(?:{_DOES})_[a-z_]{{2,30}}\b"
        r"|`\w+_\w+(?:\(|`)[\s\S]{0,600}?`\w+_\w+(?:\(|`)[^\n]{0,80}\b(?:tool|call|function|task)"
        rf"|\b(?:{_DOES})\([\w, =\"'\[\]]{{0,60}}\)[\s\S]{{0,200}}?\b(?:{_DOES})\("
    ),
    # an order of candidates
    "rank": (
        r"\b(?:re-?rank|rank|order|sort|arrange)\w*\b[^.\n]{0,80}\b(?:relevan\w*|best (?:to|match|first)|most (?:to|relevant|likely"
        r"|similar)|usefulness"
        r"|importance|similarity|preference|how well)|\b(?:re-?rank|rank)(?:ing)? (?:the|these|them|all|each|following)\b"
        r"|\b(?:best|most relevant) (?:match )?first\b|\bby (?:their )?relevance\b|\border of relevance\b"
    ),
    # one word, and no more, is wanted
    "one_word": (
        r"\b(?:one|single) word\b(?! (?:at|each|per|more))|\b(?:only|just|nothing but|no more than) (?:the|a) (?:\w+ )?(?:label"
        r"|category|class|queue|code|letter"
        r"|word|verdict|team|department|bucket|tag|topic|intent|type|peril)\b|\b(?:label|category|class|queue|code|letter|verdict|tag"
        r"|intent) only\b"
    ),
    # a value for what is not there
    "absent": (
        r"\b(?:use|put|return|write|give|set)? ?[\"'`]?(?:null|n/a|none|not (?:stated|mentioned|found|given|available|specified)"
        r"|unknown)[\"'`]?,? (?:where|if|when"
        r"|for (?:any|missing|fields))\b|\bif (?:something|a field|a value|it|any|none|nothing|there)\b[^.\n]{0,50}\b(?:null"
        r"|not stated|empty|n/a|none)\b"
        r"|\bleave (?:it|them|the field|fields?) (?:empty|blank|out)|\| ?null\b|\b(?:string|number|boolean|str|int|float)\b ?[,|}\]]"
    ),
    # the same line again and again, the last one left open
    "short_examples": r"^([\w ]{2,24}): ?[^\W\d][\w' -]{0,24}\n[\s\S]{0,600}?^\1: ?[^\W\d][\w' -]{0,24}\n[\s\S]{0,600}?^\1:\s*\Z",
    "number_examples": r"^([\w ]{2,24}): ?\d+(?:\.\d+)?\n[\s\S]{0,600}?^\1: ?\d+(?:\.\d+)?\n[\s\S]{0,600}?^\1:\s*\Z",
    # what was sought out to answer from
    "fetched": (
        r"[\"'](?:source|passage|document|chunk|citation)_?(?:ids?|s)?[\"']\s*:|\b(?:retrieved|fetched|looked up"
        r"|search(?:ed)? results?|knowledge[ -]?base|vector (?:store|search)|help[ -]cent(?:er|re) articles?)\b"
    ),
    # company, not work
    "persona": (
        r"\b(?:chat|talk|speak|converse)s? (?:with|to)\b|\bin character\b|\bkeep (?:your )?(?:answers|replies|responses)\b|\bthe voice of\b"
        r"|\b(?:be|stay|sound) (?:\w+ and )?(?:kind|friendly|warm|polite|cheerful|empathetic|playful|witty|patient|helpful)\b"
    ),
    "numbered": r"\[1\][\s:]*⟨|<(?:doc|document|passage|context|source|chunk|excerpt)s?\b[^>\n]{0,40}>\s*⟨",
}
