begin;
select plan(12);

insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 2);
create temp table before as table hubspot_sync.credit_ledger;

select throws_ok('update hubspot_sync.credit_ledger set delta = 9', 'MBAPP', null,
                 'the ledger refuses an update');
select throws_ok('update hubspot_sync.credit_ledger set delta = 9 where false', 'MBAPP', null,
                 'the ledger refuses an update of no row, too');
select throws_ok('delete from hubspot_sync.credit_ledger', 'MBAPP', null,
                 'the ledger refuses a delete');
select throws_ok('truncate hubspot_sync.credit_ledger', 'MBAPP', null,
                 'the ledger refuses a truncate');
select throws_ok(
  $$insert into hubspot_sync.credit_ledger
      (contact, credit, delta, balance_before, balance_after, reason, actor)
    select c.id, 'sj_credits', 2, 2, 5, 'adjustment', 'test'
      from hubspot_sync.hubspot_contact_credits c where c.hubspot_id = 'C-1'$$,
  '23514', null, 'an entry that does not add up is refused');
select throws_ok(
  $$insert into hubspot_sync.credit_ledger
      (contact, credit, delta, balance_before, balance_after, reason, actor)
    select c.id, 'sj_credits', -3, 2, -1, 'adjustment', 'test'
      from hubspot_sync.hubspot_contact_credits c where c.hubspot_id = 'C-1'$$,
  '23514', null, 'an entry below zero is refused');
select throws_ok(
  $$delete from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1'$$,
  '23503', null, 'a contact with entries cannot be deleted');
select results_eq('table hubspot_sync.credit_ledger', 'table before',
                  'after all refusals the ledger is as it was');

select throws_ok(
  $$insert into hubspot_sync.credit_ledger overriding system value
    select * from before
        on conflict (id) do update set delta = excluded.delta$$,
  'MBAPP', null, 'an upsert is an update');
select throws_ok(
  $$merge into hubspot_sync.credit_ledger l using before b on l.id = b.id
      when matched then delete$$, 'MBAPP', null, 'a merge that deletes is a delete');
select throws_ok('truncate hubspot_sync.hubspot_contact_credits cascade', 'MBAPP', null,
                 'no truncate of another table reaches it');
select results_eq('table hubspot_sync.credit_ledger', 'table before', 'it is still as it was');

select * from finish();
rollback;
