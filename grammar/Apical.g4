// Apical.g4 - the grammar of the language
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lexer reads bytes. Between lexer and parser stands a token filter
// (frontend/syntax/TokenFilter.h), which
//  - turns newlines and `;` into END where they end a statement, and puts an END
//    after a block and before a `}` that lack one;
//  - joins `20 ms` into one NUMBER and `dv/dt` into one DERIVATIVE;
//  - makes any word after a `.` a NAME, and the `*` of `core.*` an EVERYTHING;
//  - balances brackets.
// So the parser decides everything by its next token: one statement rule, told
// apart by its first word. What is meaningful where is the checker's business.
grammar Apical;

tokens { END, DERIVATIVE, EVERYTHING }

file : line* EOF ;
line : statement END ;
block : LBRACE line* RBRACE ;

statement
  : useDecl | constDecl | paramDecl | definition | dataDecl
  | areaDecl | connectDecl | partDecl | costDecl | learnDecl
  | varDecl | derivativeStmt | ifStmt | forStmt | eventDecl | onStmt | holdStmt
  | applyStmt | returnStmt | keepStmt | phaseDecl | runStmt | templateStmt
  | experimentDecl | measureStmt | probeStmt | exprStmt
  ;

// Declarations of a program
useDecl    : USE NAME ;
constDecl  : CONST NAME ASSIGN expr ;
paramDecl  : PARAM NAME (COLON type)? ASSIGN expr ;
definition : definitionHead block ;
definitionHead
  : (FN | UNIT | SYNAPSE | OPTIMIZER | NETWORK) NAME parameters?
  | RULE NAME parameters? (COLON NAME (COMMA NAME)*)?
  ;
parameters : LPAREN (parameter (COMMA parameter)*)? RPAREN ;
parameter  : NAME (COLON type)? (ASSIGN expr)? ;
type       : COST | NETWORK | AREA | WEIGHT | expr ;
dataDecl   : DATA NAME ASSIGN expr block? ;

// Declarations of a network
areaDecl    : AREA NAME indices* COLON expr block? ;
connectDecl : CONNECT expr ARROW expr COLON expr (OF expr)? (AS NAME)? block? ;
partDecl    : PART NAME ASSIGN expr ;
costDecl    : COST NAME ASSIGN expr ;
learnDecl
  : LEARN subject? inClause? throughClause? BY expr withClause? everyClause? whileClause? (AS NAME)?
  ;
subject       : expr ;
inClause      : IN expr (COMMA expr)* ;
throughClause : THROUGH expr (COMMA expr)* ;
withClause    : WITH optimizerUse (COMMA optimizerUse)* ;
optimizerUse  : expr (COLON expr)? ;
everyClause   : EVERY expr ;
whileClause   : WHILE expr ;

// Statements
varDecl    : varWord+ declarator (COMMA declarator)* ;
varWord    : INPUT | GIVEN | STATE | WEIGHT | LET | OUTPUT | COMMON | SHARED | LASTING | ITEM ;
declarator : NAME indices? (COLON type)? ((ASSIGN | TILDE) expr)? ;
derivativeStmt : DERIVATIVE ASSIGN expr ;
ifStmt     : IF ifCondition block (ELSE (ifStmt | block))? ;
ifCondition : expr ;
forStmt    : forHead block ;
forHead    : FOR NAME IN expr ;
eventDecl  : EVENT NAME WHEN expr (COMMA SLOPE ASSIGN expr)? block? ;
onStmt     : onHead block ;
onHead     : ON (EVERY expr | expr) ;
holdStmt   : HOLD expr FOR expr ;
applyStmt  : APPLY expr TO expr ;
returnStmt : RETURN expr ;
keepStmt   : KEEP expr ASSIGN expr ;
exprStmt   : expr ((ASSIGN | PLUS_ASSIGN | MINUS_ASSIGN | TILDE) expr)? ;

// Phases, templates, experiments
phaseDecl    : phaseHead block ;
phaseHead    : PHASE NAME (LBRACKET expr RBRACKET)? (FROM expr)? ;
runStmt      : RUN expr? (UNTIL expr)? runWith* ;
runWith      : WITH (templateStmt | block) ;
templateStmt : templateHead block ;
templateHead : EACH word NAME? ((TO | FROM | BETWEEN) word)? ;
word         : NAME | INPUT | OUTPUT | WEIGHT | AREA ;
experimentDecl : experimentHead block? ;
experimentHead : (TRAIN | TEST | SIMULATE) expr (ON expr)? (AS NAME)? (COMMA NAME ASSIGN expr)* ;
measureStmt  : MEASURE NAME ASSIGN expr ;
probeStmt    : PROBE expr (ASSIGN expr | (COMMA expr)*) ;

// Expressions, tightest first. Comparisons and ranges do not associate; that is
// said when the tree is built.
expr
  : expr DOT (NAME | EVERYTHING)                                  # member
  | expr arguments                                                # call
  | expr indices                                                  # index
  | expr AT NAME                                                  # at
  | <assoc=right> expr POWER expr                                 # binary
  | (MINUS | NOT) expr                                            # unary
  | expr (STAR | SLASH) expr                                      # binary
  | expr (PLUS | MINUS) expr                                      # binary
  | expr RANGE expr                                               # binary
  | expr (EQ | NE | LT | LE | GT | GE) expr                       # binary
  | expr AND expr                                                 # binary
  | expr OR expr                                                  # binary
  | NUMBER                                                        # number
  | (TRUE | FALSE)                                                # bool
  | STRING                                                        # string
  | NAME                                                          # name
  | LPAREN expr RPAREN                                            # parens
  | LBRACKET (expr (COMMA expr)*)? RBRACKET                       # array
  ;
arguments : LPAREN (argument (COMMA argument)*)? RPAREN ;
argument  : expr ((ASSIGN | TILDE) expr)? ;
indices   : LBRACKET expr (COMMA expr)* RBRACKET ;

// Words
USE:'use'; CONST:'const'; PARAM:'param'; FN:'fn'; RETURN:'return';
UNIT:'unit'; SYNAPSE:'synapse'; RULE:'rule'; OPTIMIZER:'optimizer'; NETWORK:'network'; DATA:'data';
AREA:'area'; CONNECT:'connect'; PART:'part'; COST:'cost'; LEARN:'learn';
INPUT:'input'; GIVEN:'given'; OUTPUT:'output'; STATE:'state'; WEIGHT:'weight'; LET:'let';
COMMON:'common'; SHARED:'shared'; LASTING:'lasting'; ITEM:'item';
EVENT:'event'; WHEN:'when'; SLOPE:'slope'; ON:'on'; HOLD:'hold'; KEEP:'keep'; APPLY:'apply';
IF:'if'; ELSE:'else'; EACH:'each'; PHASE:'phase'; RUN:'run'; FOR:'for';
TRAIN:'train'; TEST:'test'; SIMULATE:'simulate'; MEASURE:'measure'; PROBE:'probe';
BY:'by'; WITH:'with'; IN:'in'; THROUGH:'through'; EVERY:'every'; WHILE:'while'; FROM:'from';
TO:'to'; BETWEEN:'between'; OF:'of'; AS:'as'; UNTIL:'until';
AND:'and'; OR:'or'; NOT:'not'; TRUE:'true'; FALSE:'false';

// Marks
LPAREN:'('; RPAREN:')'; LBRACKET:'['; RBRACKET:']'; LBRACE:'{'; RBRACE:'}';
ARROW:'->'; RANGE:'..'; DOT:'.'; AT:'@'; COMMA:','; COLON:':'; SEMICOLON:';';
EQ:'=='; NE:'!='; LE:'<='; GE:'>='; LT:'<'; GT:'>';
PLUS_ASSIGN:'+='; MINUS_ASSIGN:'-='; ASSIGN:'='; TILDE:'~';
POWER:'^'; STAR:'*'; SLASH:'/'; PLUS:'+'; MINUS:'-';

NAME   : [a-zA-Z_] [a-zA-Z_0-9]* ;
NUMBER : DIGITS ('.' DIGITS)? ([eE] [+-]? [0-9]+)? ;
fragment DIGITS : [0-9] [0-9_]* ;
STRING : '"' ~["\r\n]* '"' ;
UNCLOSED_STRING : '"' ~["\r\n]* ;

DOC     : '///' ~[\r\n]* ;
COMMENT : '//' ~[\r\n]* -> skip ;
NEWLINE : ('\r'? '\n' | '\r') ;
SPACE   : [ \t]+ -> skip ;
OTHER   : . ;
