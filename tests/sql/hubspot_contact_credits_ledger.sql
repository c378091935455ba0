begin;
select plan(12);

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, sj_credits, shared_mock_credits)
values ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'ann@example.com', 2, 1);
create temp view ledger as
  select l.credit, l.delta, l.balance_before, l.balance_after, l.booking, l.reason
    from hubspot_sync.credit_ledger l
   where l.contact = '00000000-0000-4000-8000-000000000001'
   order by l.id;

select bag_eq(
  'table ledger',
  $$values ('sj_credits', 2, 0, 2, null::uuid, 'opening'),
           ('shared_mock_credits', 1, 0, 1, null, 'opening')$$,
  'a new contact''s balances open the ledger, zeros do not');

create temp table seen as select max(id) as last from hubspot_sync.credit_ledger;
update hubspot_sync.hubspot_contact_credits
   set sj_credits = 5, shared_mock_credits = 0, cs_credits = 0
 where hubspot_id = 'C-1';
select bag_eq(
  $$select credit, delta, balance_before, balance_after, booking, reason
      from hubspot_sync.credit_ledger, seen where id > last$$,
  $$values ('sj_credits', 3, 2, 5, null::uuid, 'adjustment'),
           ('shared_mock_credits', -1, 1, 0, null, 'adjustment')$$,
  'a writer that says nothing is recorded as an adjustment, balance by balance');

update seen set last = (select max(id) from hubspot_sync.credit_ledger);
update hubspot_sync.hubspot_contact_credits set firstname = 'Ann', sj_credits = 5
 where hubspot_id = 'C-1';
select is((select count(*) from hubspot_sync.credit_ledger, seen where id > last), 0::bigint,
          'what changes no balance leaves no entry');

set local request.jwt.claims = '{"email":"admin@example.com"}';
update hubspot_sync.hubspot_contact_credits set sjmini_credits = 1 where hubspot_id = 'C-1';
select is((select actor from hubspot_sync.credit_ledger, seen where id > last),
          'admin@example.com', 'an entry names the person');

select throws_ok(
  $$update hubspot_sync.hubspot_contact_credits set sj_credits = -1 where hubspot_id = 'C-1'$$,
  '23514', null, 'a negative balance is refused, whoever writes');
select throws_ok(
  $$update hubspot_sync.hubspot_contact_credits set sj_credits = null where hubspot_id = 'C-1'$$,
  '23502', null, 'a balance is never null');

-- Two entries of one booking and reason would be a double charge or a double refund.
insert into hubspot_sync.credit_ledger
  (contact, credit, delta, balance_before, balance_after, booking, reason, actor)
values ('00000000-0000-4000-8000-000000000001', 'sj_credits', 1, 5, 6,
        '00000000-0000-4000-8000-00000000000b', 'refund', 'test');
select throws_ok(
  $$insert into hubspot_sync.credit_ledger
      (contact, credit, delta, balance_before, balance_after, booking, reason, actor)
    values ('00000000-0000-4000-8000-000000000001', 'cs_credits', 1, 0, 1,
            '00000000-0000-4000-8000-00000000000b', 'refund', 'test')$$,
  '23505', null, 'a booking is paid once and refunded once');

-- Many at once, and an upsert as the old application does it.
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, cs_credits)
select 'M-' || n, 'M-' || n, n || '@example.com', n from generate_series(0, 3) n
on conflict (hubspot_id) do update set cs_credits = excluded.cs_credits;
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, cs_credits)
select 'M-' || n, 'M-' || n, n || '@example.com', 2 from generate_series(0, 3) n
on conflict (hubspot_id) do update set cs_credits = excluded.cs_credits;
select results_eq(
  $$select c.hubspot_id, sum(l.delta)::integer
      from hubspot_sync.credit_ledger l
      join hubspot_sync.hubspot_contact_credits c on c.id = l.contact
     where c.hubspot_id like 'M-%' group by c.hubspot_id order by c.hubspot_id$$,
  $$values ('M-0', 2), ('M-1', 2), ('M-2', 2), ('M-3', 2)$$,
  'the entries of many contacts add up to their balances');
select results_eq(
  $$select l.balance_before, l.balance_after
      from hubspot_sync.credit_ledger l
      join hubspot_sync.hubspot_contact_credits c on c.id = l.contact
     where c.hubspot_id = 'M-3' order by l.id$$,
  $$values (0, 3), (3, 2)$$, 'an upsert is an entry of what it changed');

-- The reason in words and the key, said by post_credit ---------------------------------------
set local request.jwt.claims = '';
update seen set last = (select max(id) from hubspot_sync.credit_ledger);
select api.grant_credits('S-1', 'ann@example.com', 'cs_credits', 2, 'a gift', 'key-1');
select api.adjust_credits('S-1', 'ann@example.com', 'cs_credits', -1, 'a mistake');
update hubspot_sync.hubspot_contact_credits set cs_credits = 9 where hubspot_id = 'C-1';
select results_eq(
  $$select delta, reason, note, idempotency_key, idempotency_request is not null,
           (idempotency_result ->> 'cs_credits')::integer
      from hubspot_sync.credit_ledger, seen where id > last order by id$$,
  $$values (2, 'grant', 'a gift', 'key-1', true, 2),
           (-1, 'adjustment', 'a mistake', null, false, null),
           (8, 'adjustment', null, null, false, null)$$,
  'an entry has the words and the key it was made with, and leaves none to the next');
select throws_ok(
  $$insert into hubspot_sync.credit_ledger
      (contact, credit, delta, balance_before, balance_after, reason, actor, idempotency_key)
    values ('00000000-0000-4000-8000-000000000001', 'sj_credits', 1, 5, 6, 'grant', 'test',
            'key-1')$$,
  '23505', null, 'a key is used once');
set local hubspot_sync.ledger_entry = '{"note": "left over", "key": "key-2"}';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-9', 'S-9', 'nine@example.com', 1);
select is((select l.note from hubspot_sync.credit_ledger l order by l.id desc limit 1), null,
          'the opening of a ledger has no words of another');

select * from finish();
rollback;
