begin;
select plan(9);

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, sj_credits, shared_mock_credits)
values ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'ann@example.com', 1, 1),
       ('00000000-0000-4000-8000-000000000002', 'C-2', 'S-2', 'bob@example.com', 1, 1);
create temp view balances as
  select sj_credits, cs_credits, sjmini_credits, mock_discussion_token, shared_mock_credits
    from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1';

select lives_ok(
  format($$select hubspot_sync.change_credit(
             '00000000-0000-4000-8000-000000000001', %L, 2, 'grant', null)$$, credit),
  format('%s can be changed', credit))
  from unnest(array['sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token',
                    'shared_mock_credits']) credit;
select row_eq('table balances', row(3, 2, 2, 2, 3), 'only the named balance changes each time');
select throws_ok(
  $$select hubspot_sync.change_credit(
      '00000000-0000-4000-8000-000000000001', 'cs_credits', -3, 'booking', gen_random_uuid())$$,
  '23514', null, 'no balance falls below zero');
select results_eq(
  $$select l.credit, l.delta, l.reason, l.booking
      from hubspot_sync.credit_ledger l
     where l.contact = '00000000-0000-4000-8000-000000000001' and l.reason = 'grant'
     order by l.id$$,
  $$values ('sj_credits', 2, 'grant', null::uuid), ('cs_credits', 2, 'grant', null),
           ('sjmini_credits', 2, 'grant', null), ('mock_discussion_token', 2, 'grant', null),
           ('shared_mock_credits', 2, 'grant', null)$$,
  'the ledger knows each change and its reason');

select hubspot_sync.change_credit(
  '00000000-0000-4000-8000-000000000001', 'sj_credits', -1, 'booking', gen_random_uuid());
update hubspot_sync.hubspot_contact_credits set sj_credits = 0 where hubspot_id = 'C-2';
select row_eq(
  $$select l.reason, l.booking
      from hubspot_sync.credit_ledger l
     where l.contact = '00000000-0000-4000-8000-000000000002' and l.delta < 0$$,
  row('adjustment'::text, null::uuid),
  'the reason and booking of one change do not stick to the next writer''s');

select * from finish();
rollback;
