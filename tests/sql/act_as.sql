begin;
select plan(4);

create temp table before as select hubspot_sync.actor() as name;
savepoint fresh;
select hubspot_sync.act_as('door') is null as set;
select is(hubspot_sync.actor(), 'door', 'the rest of a transaction is somebody''s');
select hubspot_sync.act_as(null) is null as set;
select is(hubspot_sync.actor(), (select name from before), 'or nobody''s in particular');
select hubspot_sync.act_as(repeat('x', 10000)) is null as set;
select is(length(hubspot_sync.actor()), 500, 'a long name is cut');
rollback to fresh;
select is(hubspot_sync.actor(), (select name from before), 'and no more than that');

select * from finish();
rollback;
