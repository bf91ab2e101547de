-- The part of Kong that pre-function's Lua may use: one request with its headers, ngx.ctx and spans, and Kong's sandbox, in which a name
-- that is not on the list does not exist. Headers arrive as bytes; a repeated one is a list, of which Kong's PDK returns the first.
local kong_fake = {}

function kong_fake.span(name)
  local span = { name = name, attributes = {}, stamps = 0 }
  function span:set_attribute(key, value)
    self.attributes[key] = value
    self.stamps = self.stamps + 1
  end
  return span
end

function kong_fake.broken_span()
  return { set_attribute = function() error("tracer is broken") end }
end

function kong_fake.get_header(headers)
  return function(name)
    local value = headers[string.lower(name)]
    if type(value) == "table" then
      return value[1]
    end
    return value
  end
end

function kong_fake.environment(get_header, ctx)
  return {
    ipairs = ipairs, pairs = pairs, next = next, pcall = pcall, select = select, tostring = tostring, tonumber = tonumber, type = type,
    error = error, string = { byte = string.byte, find = string.find, len = string.len, sub = string.sub, match = string.match },
    kong = { request = { get_header = get_header } }, ngx = { ctx = ctx },
  }
end

-- Loads the code of one phase as pre-function does: if the first run returns a function, this runs in its place, now and later.
function kong_fake.load(code, environment)
  local phase, started = setfenv(assert(loadstring(code)), environment), false
  return function()
    if started then
      return phase()
    end
    started = true
    local result = phase()
    if type(result) == "function" then
      phase = result
      phase()
    end
  end
end

-- Runs one phase; returns whether it succeeded, the number of names that it added to the environment, and the error.
function kong_fake.run(phase, environment)
  local before, after = 0, 0
  for _ in pairs(environment) do before = before + 1 end
  local ok, problem = pcall(phase)
  for _ in pairs(environment) do after = after + 1 end
  return ok, after - before, problem
end

-- A gateway with `untrusted_lua` at `mode`, for many requests: each gives its header, its context, and the ids on its spans afterwards.
function kong_fake.gateway(mode, access, stamp)
  local ctx, header
  local environment = kong_fake.environment(function() return header end)
  environment.ngx = setmetatable({}, { __index = function(_, name) return name == "ctx" and ctx or nil end })
  if mode == "on" then
    environment = setmetatable({ kong = environment.kong, ngx = environment.ngx }, { __index = _G })
  end
  local phases = {}
  for i, code in ipairs({ access, stamp, stamp }) do phases[i] = kong_fake.load(code, environment) end
  return function(make_request)
    header, ctx = make_request(kong_fake)
    local said = {}
    for i, phase in ipairs(phases) do
      local ok, left_behind = kong_fake.run(phase, environment)
      said[i] = table.concat({ tostring(ok), left_behind, kong_fake.describe(ctx) }, " ")
      local late = type(ctx) == "table" and rawget(ctx, "late")
      if late and i == 2 then ctx.KONG_SPANS[late] = kong_fake.span("late") end
    end
    return table.concat(said, ", ")
  end
end

local function word(value)
  return type(value) == "string" and value or type(value)
end

-- The id of a request's context, and those on its spans.
function kong_fake.describe(ctx)
  if type(ctx) ~= "table" then return type(ctx) end
  local id, spans = rawget(ctx, "fiddler_conversation_id"), rawget(ctx, "KONG_SPANS")
  local words = { word(id) }
  for n = 1, 8 do
    local span = type(spans) == "table" and spans[n]
    local attributes = type(span) == "table" and rawget(span, "attributes")
    words[n + 1] = attributes and word(attributes["gen_ai.conversation.id"]) or "-"
  end
  return table.concat(words, " ")
end

return kong_fake
