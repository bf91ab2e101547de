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
    error = error, string = { find = string.find, len = string.len, sub = string.sub, match = string.match },
    kong = { request = { get_header = get_header } }, ngx = { ctx = ctx },
  }
end

-- Runs one phase; returns whether it succeeded, and the number of names that it added to the environment.
function kong_fake.run(code, environment)
  local chunk = assert(loadstring(code))
  local before, after = 0, 0
  for _ in pairs(environment) do before = before + 1 end
  setfenv(chunk, environment)
  local ok, result = pcall(chunk)
  for _ in pairs(environment) do after = after + 1 end
  return ok, after - before, result
end

return kong_fake
