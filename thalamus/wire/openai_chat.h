/// What callers need of OpenAI's protocol besides the Format: the list of models and the stripping of usage.
#pragma once

#include "thalamus/wire/models.h"
#include "thalamus/wire/usage.h"
