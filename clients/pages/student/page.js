// The student's page: who, which quiz, and then the attempt.

import { Api } from "../../browser/api.js";
import { SignIn, whoIsIt } from "../common/login.js";
import { quizOrNull } from "../common/requests.js";
import { start } from "../common/start.js";
import { html, useEffect, useMemo, useState } from "../common/view.js";
import { useAttempt } from "./attempt.js";
import { Before } from "./before.js";
import { Exam } from "./exam.js";
import { Result } from "./result.js";
import { Starting } from "./starting.js";
import { Together } from "./together.js";

/** @import { Config } from "../common/config.js" */
/** @import { Login } from "../common/login.js" */
/** @import { Attempt } from "./attempt.js" */
/** @import { Ended } from "./result.js" */

const quizId = new URLSearchParams(location.search).get("quiz")?.trim() ?? "";

/** @param {{config: Config, login: Login}} props */
function Student({ config, login }) {
  const [attempt, setAttempt] = useState(/** @type {Attempt | null} */ (null));
  const [ended, setEnded] = useState(/** @type {Ended | null} */ (null));
  const api = useMemo(() => new Api(config.api, login.token), [login]);
  const starting = useMemo(
    () => new Starting({ config, login, api, quizId, onOpened: setAttempt, onEnded: setEnded }),
    [login],
  );
  const again = () => {
    setAttempt(null);
    starting.again();
  };
  if (attempt) return html`<${Taking} key=${attempt.quiz.session.id} attempt=${attempt} api=${api} login=${login} starting=${starting} onAgain=${again} />`;
  if (ended) return html`<${Result} api=${api} ended=${ended} login=${login} quizId=${quizId} isShared=${starting.isShared} onAgain=${null} onWipe=${null} />`;
  return html`<${Before} login=${login} quizId=${quizId} starting=${starting} />`;
}

/** @param {{attempt: Attempt, api: Api, login: Login, starting: Starting, onAgain: () => void}} props */
function Taking({ attempt, api, login, starting, onAgain }) {
  useAttempt(attempt);
  const { quiz } = attempt;
  const [hasMore, setMore] = useState(false);
  // Another tab may remove it meanwhile, and this one then says so, too.
  const [isKept] = useState(starting.isKept);
  useEffect(() => () => attempt.close(), [attempt]);
  useEffect(() => {
    if (!attempt.isEnded) return;
    void quizOrNull(api, quizId).then((found) => found && setMore((found.max_attempts ?? Infinity) > quiz.session.attempt_no));
  }, [attempt.isEnded]);
  if (attempt.isEnded) {
    const { session, late, receipts } = quiz;
    return html`<${Result}
      api=${api}
      ended=${{ session, sections: attempt.sections, late, receipts }}
      login=${login}
      quizId=${quizId}
      isShared=${starting.isShared}
      onAgain=${hasMore ? onAgain : null}
      onWipe=${isKept ? () => starting.wipe(attempt) : null}
    />`;
  }
  if (attempt.isEarly) return html`<${Together} attempt=${attempt} login=${login} quizId=${quizId} starting=${starting} />`;
  return html`<${Exam} attempt=${attempt} login=${login} quizId=${quizId} />`;
}

function AskQuiz() {
  return html`<main>
    <h1>Take a quiz</h1>
    <form class="card" method="get">
      <label>The id of the quiz <input class="line" name="quiz" required pattern=".*\\S.*" maxlength="128" autocomplete="off" autocapitalize="off" /></label>
      <p><button class="main">Go on</button></p>
    </form>
  </main>`;
}

/** @param {{config: Config, known: Login | null}} props */
function Page({ config, known }) {
  const [login, setLogin] = useState(known);
  if (!quizId) return html`<${AskQuiz} />`;
  if (login) return html`<${Student} config=${config} login=${login} />`;
  return html`<main><h1>${quizId}</h1><${SignIn} config=${config} role="student" onDone=${setLogin} /></main>`;
}

if (quizId) document.title = quizId;
await start(async (config) => html`<${Page} config=${config} known=${await whoIsIt(config, "student")} />`);
