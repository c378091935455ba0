begin;
select plan(2);

select is_empty('select * from hubspot_sync.group_positions()', 'at first there is no group');
select hubspot_sync.open_group('b'), hubspot_sync.open_group('a');
select results_eq('select group_name, position from hubspot_sync.group_positions()',
                  $$values ('a', 0::bigint), ('b', 0)$$, 'then they come by name');

select * from finish();
rollback;
