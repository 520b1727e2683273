package platform

// Orders is the contract of a small API: what only reads needs no scope, what changes something needs orders:write.
const Orders = `
openapi: 3.1.0
info: {title: Orders, version: "1"}
components:
  securitySchemes:
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: "https://example.com/token", scopes: {"orders:write": write}}}}
paths:
  /orders:
    get: {operationId: listOrders, responses: {"200": {description: orders}}}
    post: {operationId: createOrder, security: [{oauth: ["orders:write"]}], responses: {"201": {description: created}}}
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, responses: {"200": {description: an order}}}
    delete: {operationId: deleteOrder, security: [{oauth: ["orders:write"]}], responses: {"204": {description: gone}}}
`
