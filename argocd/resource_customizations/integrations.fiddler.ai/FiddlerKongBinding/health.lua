local function health(status, message)
  return {status = status, message = message}
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "The binding is being deleted")
end
if obj.spec ~= nil and obj.spec.suspend then
  return health("Suspended", "spec.suspend is true")
end
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for fiddler-kong-operator")
end

local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end
if found.Ready == nil then
  return health("Progressing", "Waiting for fiddler-kong-operator")
end

local message = found.Ready.reason .. ": " .. found.Ready.message
if found.Ready.status == "True" then
  return health("Healthy", message)
end
-- Unknown while the operator works or waits; False, or Unknown without Reconciling, where a person must look.
if found.Ready.status == "Unknown" and found.Reconciling ~= nil and found.Reconciling.status == "True" then
  return health("Progressing", message)
end
return health("Degraded", message)
