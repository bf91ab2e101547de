-- The part of a gateway in which pre-function's Lua spends its time: one header, ngx.ctx, and spans whose attributes are checked and kept.
local clock, collect, enter = os.clock, collectgarbage, string.gsub
local SPANS = 11

local span = {}
span.__index = span

function span:set_attribute(key, value)
  if type(key) ~= "string" then error("invalid key", 2) end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then error("invalid value", 2) end
  self.attributes[key] = value
end

local ctx, header
local kong = { request = { get_header = function(name) return type(name) == "string" and header or nil end } }
local ngx = setmetatable({}, { __index = function(_, name) return name == "ctx" and ctx or nil end })

local function requests(number)
  local made = {}
  for i = 1, number do
    local spans = {}
    for n = 1, SPANS do spans[n] = setmetatable({ attributes = { a = 1, b = 2, c = 3 } }, span) end
    made[i] = { id = string.format("6f1c7c0e-58ad-4f0b-9c7e-%012d", i % 64), ctx = { KONG_SPANS = spans } }
  end
  return made
end

local phases = {}

-- The function of one phase; a chunk may return it.
function phases.load(code)
  local chunk = assert(load(code, "pre-function", "t", setmetatable({ kong = kong, ngx = ngx }, { __index = _G })))
  ctx = {}
  local result = chunk()
  return type(result) == "function" and result or chunk
end

-- Nanoseconds that a request's three phases take, as a mean over `number` requests. Each phase is entered from C, as nginx does it:
-- LuaJIT cannot make one piece of machine code of them and of the loop around them.
function phases.measure(access, header_filter, log, number)
  local made = requests(number)
  collect()
  collect("stop")
  local start = clock()
  for i = 1, number do
    header, ctx = made[i].id, made[i].ctx
    enter(".", ".", access)
    enter(".", ".", header_filter)
    enter(".", ".", log)
  end
  local seconds = clock() - start
  collect("restart")
  return seconds / number * 1e9
end

return phases
