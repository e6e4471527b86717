"""What an operator may ask and change, as one table of operations: here on a folder, or over HTTP on a running gateway.

    operation       what an operation is: method, path, what it takes and gives, who may
    workloads       list, show, find, name, read, ignore, merge, split
    routes          list, show, shadow, on, off
    certificates    list, show, file, verify
    keys            list, create, revoke
    money           spend, and the ledger beside the calls
    calls           export, show, why
    fitting         fit, and what a fit would do; verdicts
    about           version, health, settings, audit log, jobs
    table           all of them, and which one a path means
    reading         a request -> what an operation takes
    jobs            operations that take long: one at a time, asked for again by their id
    app             the application over the table, in a process of its own (`python -m modicum.admin`)
    openapi         the table as an OpenAPI document
    reach           how a command gets to an operation: here, or through a gateway

The command line and the API call the same operations. Who may ask is checked by the gateway, which starts that process when it
is first needed (`gateway.office`) and passes on what an admin key asks for; nobody else can reach its socket.
"""
