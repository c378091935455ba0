begin;
select plan(25);

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
   sjmini_credits, mock_discussion_token, shared_mock_credits)
values
  ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'Ann@Example.com', 'Ann', 'Lee',
   1, 2, 3, 4, 5),
  ('00000000-0000-4000-8000-000000000002', null, 'S-1', 'other@example.com', null, null,
   0, 0, 0, 0, 0);

select is((api.get_contact_credits('S-1', 'Ann@Example.com')).hubspot_id, 'C-1',
          'a contact is found by student id and email');
select is((api.get_contact_credits(' S-1 ', ' ANN@example.COM ')).hubspot_id, 'C-1',
          'case and blanks around do not matter');
select is((api.get_contact_credits(p_id => '00000000-0000-4000-8000-000000000002')).email,
          'other@example.com', 'a contact is found by its id');
select is((api.get_contact_credits(p_hubspot_id => ' C-1 ')).student_id, 'S-1',
          'a contact is found by its HubSpot id');
select is((api.get_contact_credits('S-9', 'nobody@example.com',
                                   '00000000-0000-4000-8000-000000000001', 'C-9')).hubspot_id,
          'C-1', 'the id comes first');
select is((api.get_contact_credits('S-9', 'nobody@example.com', null, 'C-1')).student_id,
          'S-1', 'the HubSpot id comes before student id and email');
select row_eq(
  $$select student_id, email, firstname, lastname, sj_credits, cs_credits, sjmini_credits,
           mock_discussion_token, shared_mock_credits
      from api.get_contact_credits(p_hubspot_id => 'C-1')$$,
  row('S-1'::text, 'Ann@Example.com'::text, 'Ann'::text, 'Lee'::text, 1, 2, 3, 4, 5),
  'a contact is answered with all balances, the email as it is spelled');

select throws_ok('select api.get_contact_credits()', '22023', null,
                 'asking for nobody is refused');
select throws_ok($$select api.get_contact_credits('S-1')$$, '22023', null,
                 'a lone student id is refused');
select throws_ok($$select api.get_contact_credits('S-1', '  ')$$, '22023', null,
                 'a student id with a blank email is refused');
select throws_ok($$select api.get_contact_credits(p_email => 'ann@example.com')$$, '22023', null,
                 'a lone email is refused');
select throws_ok($$select api.get_contact_credits('S-1', 'wrong@example.com')$$, 'MBCON', null,
                 'another email is refused');
select throws_ok($$select api.get_contact_credits('s-1', 'ann@example.com')$$, 'MBCON', null,
                 'student ids differ by case');
select throws_ok($$select api.get_contact_credits(p_id => gen_random_uuid())$$, 'MBCON', null,
                 'an unknown id is refused');
select throws_ok($$select api.get_contact_credits(p_hubspot_id => 'C-9')$$, 'MBCON', null,
                 'an unknown HubSpot id is refused');

-- A student ----------------------------------------------------------------------------------
set local role authenticated;
select set_config('request.jwt.claims', '{"email":"ANN@example.com"}', true);
select is((api.get_contact_credits()).hubspot_id, 'C-1',
          'a student who names nobody sees themselves');
select is((api.get_contact_credits()).replayed, null, 'what was only read is no replay');
select is((api.get_contact_credits('S-1')).hubspot_id, 'C-1',
          'to a student their student id is enough');
select throws_ok(r.call, 'MBCON', null, r.fact)
  from (values
    ($$select api.get_contact_credits('S-1', 'other@example.com')$$,
     'the same student id with another email is another, and not there'),
    ($$select api.get_contact_credits(p_email => 'other@example.com')$$,
     'who asks for another''s email is not answered with themselves'),
    ($$select api.get_contact_credits(p_id => '00000000-0000-4000-8000-000000000002')$$,
     'another''s id is not there'),
    ($$select api.get_contact_credits(p_id => gen_random_uuid())$$, 'nor is nobody''s'),
    ($$select api.get_contact_credits('%')$$, 'a pattern is a text')
  ) as r (call, fact);
select set_config('request.jwt.claims', '{"email":"stranger@example.com"}', true);
select throws_ok('select api.get_contact_credits()', 'MBCON', null,
                 'a login we do not know has no credits');
select set_config('request.jwt.claims', '', true);
select throws_ok('select api.get_contact_credits()', '42501', null, 'nobody may look');
reset role;

select * from finish();
rollback;
