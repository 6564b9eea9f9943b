#pragma once

// All of Dalsegno for a program that embeds it.

#include "dalsegno/activity.h"
#include "dalsegno/agent.h"
#include "dalsegno/approval.h"
#include "dalsegno/child.h"
#include "dalsegno/doubt.h"
#include "dalsegno/errors.h"
#include "dalsegno/fork.h"
#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/queues.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/routes.h"
#include "dalsegno/runtime.h"
#include "dalsegno/saga.h"
#include "dalsegno/schedule.h"
#include "dalsegno/store.h"
#include "dalsegno/tool_answers.h"
#include "dalsegno/workflow.h"
