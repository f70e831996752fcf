#pragma once

#include "runtime/route/scratch.h"
#include "runtime/workers/batch_view.h"

namespace moult {

/// What a worker thread uses again for every task.
struct WorkerScratch {
  BatchView view;
  route::Scratch routing;
};

}  // namespace moult
